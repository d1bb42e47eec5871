/* tables: the enumerations of enums.def and the complex types of complex.def as data, and the lists of them. */
#include "schemas/rows.h"

/* ---- values_<name>, enum_<name> ---- */

#define RESOURCE_TYPE(name, number) VALUE(number, name)
#define STATUS(code, name, http, coap) VALUE(code, name)

#define ENUM_BEGIN(name) static const struct enum_value values_##name[] = {
#define VALUE(number, name) {number, #name},
#define ENUM_END                                                                                                       \
	}                                                                                                              \
	;
#include "schemas/enums.def"
#undef ENUM_BEGIN
#undef VALUE
#undef ENUM_END

#define ENUM_BEGIN(name)                                                                                               \
	const struct enum_def enum_##name = {#name, values_##name, sizeof(values_##name) / sizeof(values_##name[0])};
#define VALUE(number, name)
#define ENUM_END
#include "schemas/enums.def"
#undef ENUM_BEGIN

#define ENUM_BEGIN(name) &enum_##name,
static const struct enum_def *const enums[] = {
#include "schemas/enums.def"
};
#undef ENUM_BEGIN
#undef VALUE
#undef ENUM_END

/* ---- members_<name>, complex_<name> ---- */

#define COMPLEX_BEGIN(name) static const struct attr_def members_##name[] = {
#define CHOICE_BEGIN(name) COMPLEX_BEGIN(name)
#define MEMBER(name, kind, presence, constraint) MEMBER_AS(XML_ELEMENT, name, kind, presence, constraint)
#define MEMBER_AS(xml, name, kind, presence, constraint)                                                               \
	{ATTR_##name,                                                                                                  \
	 ROW_KIND_##kind,                                                                                              \
	 (presence) == M ? ONE : OPT,                                                                                  \
	 presence,                                                                                                     \
	 NP,                                                                                                           \
	 NA,                                                                                                           \
	 DEFAULT_NONE,                                                                                                 \
	 NULL,                                                                                                         \
	 ROW_CONSTRAINT_##constraint,                                                                                  \
	 xml},
#define COMPLEX_END                                                                                                    \
	}                                                                                                              \
	;
#include "schemas/complex.def"
#undef COMPLEX_BEGIN
#undef CHOICE_BEGIN
#undef MEMBER
#undef COMPLEX_END

#define MEMBER(name, kind, presence, constraint)
#define COMPLEX_END
#define COMPLEX_DEF(name, is_choice)                                                                                   \
	const struct complex_def complex_##name = {#name, members_##name,                                              \
						   sizeof(members_##name) / sizeof(members_##name[0]), is_choice};
#define COMPLEX_BEGIN(name) COMPLEX_DEF(name, false)
#define CHOICE_BEGIN(name) COMPLEX_DEF(name, true)
#include "schemas/complex.def"
#undef COMPLEX_BEGIN
#undef CHOICE_BEGIN

#define COMPLEX_BEGIN(name) &complex_##name,
#define CHOICE_BEGIN(name) &complex_##name,
static const struct complex_def *const complexes[] = {
#include "schemas/complex.def"
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct enum_def *enum_at(size_t index)
{
	return index < COUNT(enums) ? enums[index] : NULL;
}

const struct complex_def *complex_at(size_t index)
{
	return index < COUNT(complexes) ? complexes[index] : NULL;
}

const struct enum_def *enum_find(struct str name)
{
	for (size_t i = 0; i < COUNT(enums); i++)
		if (str_eq(name, str_of(enums[i]->name)))
			return enums[i];
	return NULL;
}

const struct complex_def *complex_find(struct str name)
{
	for (size_t i = 0; i < COUNT(complexes); i++)
		if (str_eq(name, str_of(complexes[i]->name)))
			return complexes[i];
	return NULL;
}

static const struct enum_value *value_in(const struct enum_def *def, int64_t value)
{
	for (size_t i = 0; i < def->count; i++)
		if (def->values[i].value == value)
			return &def->values[i];
	return NULL;
}

const char *enum_value_name(const struct enum_def *def, int64_t value)
{
	const struct enum_value *row = value_in(def, value);

	return row ? row->name : NULL;
}

const char *resource_type_name(unsigned ty)
{
	return enum_value_name(&enum_resourceType, ty);
}
