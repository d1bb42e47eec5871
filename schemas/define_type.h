/* define_type: turns the rows of one types/<type>.def into `const struct type_def type_<name>`.
 * Included, once per type, after
 *	#define TYPE_DEF "schemas/types/container.def"
 *	#define TYPE_HOOKS &container_hooks	(left out: no hooks)
 * Both are undefined again at the end. */
/* clang-format off */

#include "schemas/rows.h"

#ifndef TYPE_HOOKS
#define TYPE_HOOKS NULL
#endif

/* The groups of common attributes: TS-0004 table 6.3.6-2. COMMON(group) stands for their rows. */
#ifndef COMMON
#define COMMON(group) COMMON_##group
#define COMMON_resource                                                                                                \
	ATTR(resourceName, NAME, ONE, O, NP, NA, NONE, ANY)                                                            \
	ATTR(resourceType, ENUM(resourceType), ONE, NP, NP, NA, NONE, ANY)                                             \
	ATTR(resourceID, ID, ONE, NP, NP, NA, NONE, ANY)                                                               \
	ATTR(parentID, ID, ONE, NP, NP, NA, NONE, ANY)                                                                 \
	ATTR(creationTime, TIMESTAMP, ONE, NP, NP, NA, NONE, ANY)                                                      \
	ATTR(lastModifiedTime, TIMESTAMP, ONE, NP, NP, NA, NONE, ANY)                                                  \
	ATTR(labels, LIST(TOKEN), OPT, O, O, MA, NONE, CHECK(labels))
#define COMMON_subordinateResource                                                                                     \
	COMMON_resource                                                                                                \
	ATTR(expirationTime, TIMESTAMP, ONE, O, O, MA, NONE, ANY)
#define COMMON_announceableSubordinateResource                                                                         \
	COMMON_subordinateResource                                                                                     \
	ATTR(announceTo, LIST(URI), OPT, O, O, NA, NONE, ANY)                                                          \
	ATTR(announcedAttribute, LIST(NCNAME), OPT, O, O, NA, NONE, ANY)
#define COMMON_regularResource                                                                                         \
	COMMON_resource                                                                                                \
	ATTR(accessControlPolicyIDs, LIST(ID), OPT, O, O, MA, NONE, ANY)                                               \
	ATTR(expirationTime, TIMESTAMP, ONE, O, O, MA, NONE, ANY)                                                      \
	ATTR(dynamicAuthorizationConsultationIDs, LIST(URI), OPT, O, O, OA, NONE, ANY)
#define COMMON_announceableResource                                                                                    \
	COMMON_regularResource                                                                                         \
	ATTR(announceTo, LIST(URI), OPT, O, O, NA, NONE, ANY)                                                          \
	ATTR(announcedAttribute, LIST(NCNAME), OPT, O, O, NA, NONE, ANY)
#endif

#define ATTR(name, kind, cardinality, create, update, announce, default_, constraint)
#define CHILD(name)
#define VIRTUAL(name, long_name)
#define REFUSES(operations)

/* attrs_<name> */
#undef ATTR
#define ATTR(name, kind, cardinality, create, update, announce, default_, constraint)                                  \
	{ATTR_##name, ROW_KIND_##kind, cardinality, create, update, announce, ROW_DEFAULT_##default_,                  \
	 ROW_CONSTRAINT_##constraint, ATTR_##name == ATTR_resourceName ? XML_ATTRIBUTE : XML_ELEMENT},
#define TYPE(name, short_name, number, flags)                                                                          \
	_Static_assert(TY_##name == (number), "number of " #name);                                                     \
	static const struct attr_def attrs_##name[] = {
#include TYPE_DEF
};
#undef TYPE
#undef ATTR
#define ATTR(name, kind, cardinality, create, update, announce, default_, constraint)

/* children_<name>, with a last element that is none of them */
#define TYPE(name, short_name, number, flags) static const uint16_t children_##name[] = {
#undef CHILD
#define CHILD(name) TY_##name,
#include TYPE_DEF
TY_NONE
};
#undef TYPE
#undef CHILD
#define CHILD(name)

/* virtuals_<name>, likewise */
#define TYPE(name, short_name, number, flags) static const struct virtual_def virtuals_##name[] = {
#undef VIRTUAL
#define VIRTUAL(name, long_name) {#name, #long_name},
#include TYPE_DEF
{NULL, NULL}
};
#undef TYPE
#undef VIRTUAL
#define VIRTUAL(name, long_name)

/* type_<name> */
#define TYPE(type_name, short_form, number, type_flags)                                                                \
	const struct type_def type_##type_name = {                                                                     \
		.name = #type_name,                                                                                    \
		.short_name = #short_form,                                                                             \
		.space = M2M_SPACE,                                                                                    \
		.space_uri = M2M_NAMESPACE,                                                                            \
		.ty = number,                                                                                          \
		.flags = type_flags,                                                                                   \
		.attrs = attrs_##type_name,                                                                            \
		.attr_count = sizeof(attrs_##type_name) / sizeof(attrs_##type_name[0]),                                \
		.children = children_##type_name,                                                                      \
		.child_count = sizeof(children_##type_name) / sizeof(children_##type_name[0]) - 1,                     \
		.virtuals = virtuals_##type_name,                                                                      \
		.virtual_count = sizeof(virtuals_##type_name) / sizeof(virtuals_##type_name[0]) - 1,                   \
		.hooks = TYPE_HOOKS,                                                                                   \
		.refused = 0
#undef REFUSES
#define REFUSES(operations) | (operations)
#include TYPE_DEF
};

#undef TYPE
#undef ATTR
#undef CHILD
#undef VIRTUAL
#undef REFUSES
#undef TYPE_DEF
#undef TYPE_HOOKS
