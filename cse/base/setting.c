/* setting: looking up a key. */
#include "cse/base/setting.h"

#include "cse/base/error.h"

#include <string.h>

static const struct setting *find(const struct setting *settings, const char *key)
{
	while (settings->key && strcmp(settings->key, key) != 0)
		settings++;
	ASSERT(settings->key);
	return settings;
}

const char *setting_text(const struct setting *settings, const char *key)
{
	return find(settings, key)->text;
}

uint64_t setting_number(const struct setting *settings, const char *key)
{
	return find(settings, key)->number;
}
