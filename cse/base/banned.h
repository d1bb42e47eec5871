/* banned: functions that cannot be used safely. Included by the compiler's command line (-include). */
#ifndef CSE_BASE_BANNED_H
#define CSE_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef alloca /* glibc defines it as a macro */
#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat gets strtok alloca atoi atol atoll
#pragma GCC poison gmtime localtime asctime ctime

#endif
