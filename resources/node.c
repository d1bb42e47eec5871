/* <node>: TS-0001 9.6.18, TS-0004 7.4.18. Kept by its table. */
#define TYPE_DEF "schemas/types/node.def"
#include "schemas/define_type.h"
