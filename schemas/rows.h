/* rows: how the columns of the tables (types/<type>.def, complex.def, primitive.def, filter.def) become initialisers,
 * and what they name. A column's word is pasted to a prefix here, so it clashes with no macro, and an unknown word is
 * an error in its row. */
#ifndef SCHEMAS_ROWS_H
#define SCHEMAS_ROWS_H
/* clang-format off */

#include "schemas/checks.h"
#include "schemas/schema.h"

/* ---- enum_<name> and complex_<name> ---- */

#define ENUM_BEGIN(name) extern const struct enum_def enum_##name;
#define VALUE(number, name)
#define RESOURCE_TYPE(name, number)
#define STATUS(code, name, http, coap)
#define ENUM_END
#include "schemas/enums.def"
#undef ENUM_BEGIN
#undef VALUE
#undef RESOURCE_TYPE
#undef STATUS
#undef ENUM_END

#define COMPLEX_BEGIN(name) extern const struct complex_def complex_##name;
#define CHOICE_BEGIN(name) extern const struct complex_def complex_##name;
#define MEMBER(name, kind, presence, constraint)
#define COMPLEX_END
#include "schemas/complex.def"
#undef COMPLEX_BEGIN
#undef CHOICE_BEGIN
#undef MEMBER
#undef COMPLEX_END

/* ---- the column `kind`: a word, or LIST(word) ---- */

#define ROW_KIND_LIST(kind) ROW_LIST_##kind

#define ROW_PLAIN(base) {base, false, NULL}
#define ROW_KIND_STRING ROW_PLAIN(KIND_STRING)
#define ROW_KIND_TOKEN ROW_PLAIN(KIND_TOKEN)
#define ROW_KIND_URI ROW_PLAIN(KIND_URI)
#define ROW_KIND_ID ROW_PLAIN(KIND_ID)
#define ROW_KIND_NAME ROW_PLAIN(KIND_NAME)
#define ROW_KIND_NCNAME ROW_PLAIN(KIND_NCNAME)
#define ROW_KIND_UINT ROW_PLAIN(KIND_UINT)
#define ROW_KIND_INT ROW_PLAIN(KIND_INT)
#define ROW_KIND_FLOAT ROW_PLAIN(KIND_FLOAT)
#define ROW_KIND_BOOL ROW_PLAIN(KIND_BOOL)
#define ROW_KIND_TIMESTAMP ROW_PLAIN(KIND_TIMESTAMP)
#define ROW_KIND_ABS_REL_TIMESTAMP ROW_PLAIN(KIND_ABS_REL_TIMESTAMP)
#define ROW_KIND_DURATION ROW_PLAIN(KIND_DURATION)
#define ROW_KIND_SCHEDULE ROW_PLAIN(KIND_SCHEDULE)
#define ROW_KIND_BASE64 ROW_PLAIN(KIND_BASE64)
#define ROW_KIND_CONTENT_INFO ROW_PLAIN(KIND_CONTENT_INFO)
#define ROW_KIND_MEDIA_TYPE ROW_PLAIN(KIND_MEDIA_TYPE)
#define ROW_KIND_POA ROW_PLAIN(KIND_POA)
#define ROW_KIND_IPV4 ROW_PLAIN(KIND_IPV4)
#define ROW_KIND_IPV6 ROW_PLAIN(KIND_IPV6)
#define ROW_KIND_COUNTRY ROW_PLAIN(KIND_COUNTRY)
#define ROW_KIND_ROLE_ID ROW_PLAIN(KIND_ROLE_ID)
#define ROW_KIND_ANYTYPE ROW_PLAIN(KIND_ANY)
#define ROW_KIND_ENUM(name) {KIND_ENUM, false, &enum_##name}
#define ROW_KIND_COMPLEX(name) {KIND_COMPLEX, false, &complex_##name}

#define ROW_LIST(base) {base, true, NULL}
#define ROW_LIST_STRING ROW_LIST(KIND_STRING)
#define ROW_LIST_TOKEN ROW_LIST(KIND_TOKEN)
#define ROW_LIST_URI ROW_LIST(KIND_URI)
#define ROW_LIST_ID ROW_LIST(KIND_ID)
#define ROW_LIST_NAME ROW_LIST(KIND_NAME)
#define ROW_LIST_NCNAME ROW_LIST(KIND_NCNAME)
#define ROW_LIST_UINT ROW_LIST(KIND_UINT)
#define ROW_LIST_INT ROW_LIST(KIND_INT)
#define ROW_LIST_FLOAT ROW_LIST(KIND_FLOAT)
#define ROW_LIST_BOOL ROW_LIST(KIND_BOOL)
#define ROW_LIST_TIMESTAMP ROW_LIST(KIND_TIMESTAMP)
#define ROW_LIST_ABS_REL_TIMESTAMP ROW_LIST(KIND_ABS_REL_TIMESTAMP)
#define ROW_LIST_DURATION ROW_LIST(KIND_DURATION)
#define ROW_LIST_SCHEDULE ROW_LIST(KIND_SCHEDULE)
#define ROW_LIST_BASE64 ROW_LIST(KIND_BASE64)
#define ROW_LIST_CONTENT_INFO ROW_LIST(KIND_CONTENT_INFO)
#define ROW_LIST_MEDIA_TYPE ROW_LIST(KIND_MEDIA_TYPE)
#define ROW_LIST_POA ROW_LIST(KIND_POA)
#define ROW_LIST_IPV4 ROW_LIST(KIND_IPV4)
#define ROW_LIST_IPV6 ROW_LIST(KIND_IPV6)
#define ROW_LIST_COUNTRY ROW_LIST(KIND_COUNTRY)
#define ROW_LIST_ROLE_ID ROW_LIST(KIND_ROLE_ID)
#define ROW_LIST_ANYTYPE ROW_LIST(KIND_ANY)
#define ROW_LIST_ENUM(name) {KIND_ENUM, true, &enum_##name}
#define ROW_LIST_COMPLEX(name) {KIND_COMPLEX, true, &complex_##name}

/* ---- the column `default` ---- */

#define ROW_DEFAULT_NONE DEFAULT_NONE, NULL
#define ROW_DEFAULT_TEXT(json) DEFAULT_TEXT, json
#define ROW_DEFAULT_COMPUTED DEFAULT_COMPUTED, NULL

/* ---- the column `constraint`; without RANGE, AT_LEAST and EMPTY_OK a list has at least one element ---- */

#define ROW_CONSTRAINT_ANY {0, 0, false, NULL}
#define ROW_CONSTRAINT_RANGE(low, high) {low, high, true, NULL}
#define ROW_CONSTRAINT_AT_LEAST(low) {low, INT64_MAX, true, NULL}
#define ROW_CONSTRAINT_EMPTY_OK {0, INT64_MAX, true, NULL}
#define ROW_CONSTRAINT_CHECK(rule) {0, 0, false, check_##rule}

#define ROW_CONSTRAINT_EVENT_CAT ROW_CONSTRAINT_CHECK(event_category)

#endif
