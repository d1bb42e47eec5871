/* schema: what data looks like, as tables. Rows come from names.def, enums.def, complex.def and types/<type>.def at
 * compile time and from specialization files at start-up; both end as the structs below. Nothing here knows a request
 * or a resource tree. */
#ifndef SCHEMAS_SCHEMA_H
#define SCHEMAS_SCHEMA_H

#include "cse/base/str.h"
#include "schemas/value.h"

/* ---- names: TS-0004 8.2 ---- */

enum attr_name {
	ATTR_NONE = 0,
#define NAME(long_name, short_name) ATTR_##long_name,
#include "schemas/names.def"
#undef NAME
	ATTR_BUILTIN_COUNT, /* names that specialization files bring are numbered from here */
};

/* ---- kinds of data: TS-0004 6.3 ---- */

enum base_kind {
	KIND_STRING, /* xs:string */
	KIND_TOKEN,  /* xs:token, m2m:labels' members: no blanks */
	KIND_URI,    /* xs:anyURI */
	KIND_ID,     /* m2m:ID */
	KIND_NAME,   /* m2m:resourceName */
	KIND_NCNAME, /* xs:NCName: an attribute's short name */
	KIND_UINT,   /* xs:nonNegativeInteger, unsignedInt ...: 0 .. 2^63-1 unless a constraint narrows it */
	KIND_INT,
	KIND_FLOAT,
	KIND_BOOL,
	KIND_TIMESTAMP,		/* m2m:timestamp, or a duration from now */
	KIND_ABS_REL_TIMESTAMP, /* m2m:absRelTimestamp: also milliseconds from now */
	KIND_DURATION,		/* xs:duration */
	KIND_SCHEDULE,		/* m2m:scheduleEntry, 7 fields */
	KIND_BASE64,
	KIND_CONTENT_INFO, /* m2m:contentInfo */
	KIND_MEDIA_TYPE,
	KIND_POA, /* m2m:pointOfAccess */
	KIND_IPV4,
	KIND_IPV6,
	KIND_COUNTRY,
	KIND_ROLE_ID,
	KIND_ENUM,    /* .of is a struct enum_def */
	KIND_COMPLEX, /* .of is a struct complex_def */
	KIND_ANY,     /* xs:anyType: any JSON value, kept as its bytes */
	KIND_COUNT
};

struct kind {
	enum base_kind base;
	bool is_list;	/* a JSON array of them */
	const void *of; /* struct enum_def or struct complex_def */
};

enum presence { NP, O, M, NULL_ONLY }; /* NULL_ONLY: creator in CREATE, TS-0004 7.3.3.3 */
enum cardinality { OPT, ONE };	       /* 0..1 and 1; lists are (L) */
enum announce { NA, OA, MA };

/* What a value must fulfil beyond its kind. */
struct constraint {
	int64_t min, max; /* numbers: the value; lists: the number of elements */
	bool is_set;
	/* Further rule over the value; returns NULL or what is wrong ("must start with R, N or r"). */
	const char *(*check)(struct value v, struct arena *arena);
};

enum default_kind {
	DEFAULT_NONE,
	DEFAULT_TEXT,	 /* .text is JSON */
	DEFAULT_COMPUTED /* not in the stored text: the type's code supplies it whenever the resource is shown */
};

/* How XML shows a row; JSON and CBOR show all of them alike. */
enum xml_form {
	XML_ELEMENT,   /* an element; a list is one element with blanks between, or one element per object */
	XML_EACH,      /* an element per value of the list */
	XML_ATTRIBUTE, /* an attribute of the element around it */
	XML_TEXT,      /* the text of the element around it, TS-0004 8.4.2: "val" */
};

struct attr_def {
	uint16_t name; /* enum attr_name or above */
	struct kind kind;
	uint8_t cardinality, create, update, announce;
	uint8_t default_kind;
	const char *default_text;
	struct constraint constraint;
	uint8_t xml; /* enum xml_form */
};

struct enum_def {
	const char *name;
	const struct enum_value {
		int64_t value;
		const char *name;
	} * values;
	size_t count;
};

struct complex_def {
	const char *name;
	const struct attr_def *members; /* presence: M or O in .create; the rest unused */
	size_t count;
	bool is_choice; /* exactly one member */
};

/* Resource types by number, TS-0004 6.3.4.2.1: TY_container == 3. Rows RESOURCE_TYPE(name, number) of
 * resource_types.def. */
enum resource_type {
	TY_NONE = 0,
#define RESOURCE_TYPE(name, number) TY_##name = number,
#include "schemas/resource_types.def"
#undef RESOURCE_TYPE
	TY_ANNOUNCED = 10000 /* + ty */
};

enum type_flag {
	ANNOUNCEABLE = 1,
	INSTANCE = 2,	   /* kept as rows behind a key list, not in the memory tree (cin, tsi, fci) */
	NO_ACPI = 8,	   /* no accessControlPolicyIDs of its own: judged by the parent's */
	CSE_MADE = 16,	   /* CREATE by request answers 4005 */
	REGISTRATION = 32, /* its CREATE registers the originator and is never forwarded: TS-0004 7.3.2.8 */
	FROM_OPTIONAL = 64, /* its CREATE may come without From: TS-0004 7.3.2.1 */
};

enum operation { OP_NONE, OP_CREATE, OP_RETRIEVE, OP_UPDATE, OP_DELETE, OP_NOTIFY }; /* TS-0004 6.3.4.2.5 */
#define OP_BIT(op) (1u << (op))

#define M2M_SPACE "m2m"
#define M2M_NAMESPACE "http://www.onem2m.org/xml/protocols"

struct type_hooks; /* cse/core/hooks.h */

struct type_def {
	const char *name, *short_name; /* "container", "cnt" */
	const char *space;	       /* "m2m", or a specialization's own */
	const char *space_uri;	       /* the XML namespace that it stands for */
	uint16_t ty;
	uint16_t flags;
	int64_t specialization;	      /* mgmtDefinition of a mgmtObj; 0 otherwise */
	const char *definition;	      /* containerDefinition of a flexContainer; NULL otherwise */
	const struct attr_def *attrs; /* universal and common ones first, in the standard's order */
	size_t attr_count;
	const uint16_t *children; /* resource types that may be created below */
	size_t child_count;
	const struct virtual_def {
		const char *name;      /* fixed resource name: "la" */
		const char *long_name; /* "latest" */
	} * virtuals;
	size_t virtual_count;
	unsigned refused; /* OP_BITs that answer 4005 for every originator */
	const struct type_hooks *hooks;
};

/* ---- the registry: one per CSE, no globals ---- */

struct schema;

/* types: those that exist as tables, by registry.def of the caller. They must outlive the schema. */
struct schema *schema_create(const struct type_def *const *types, size_t count);
void schema_destroy(struct schema *schema);

/* Adds one specialization from its file's text (JSON, see specializations/README.md). 0, or ERROR_FORMAT and a sentence
 * in message. */
WARN_UNUSED int schema_load(struct schema *schema, struct str text, const char *source, char *message, size_t size);
/* Adds the ones compiled in (schemas/specializations). */
WARN_UNUSED int schema_load_builtin(struct schema *schema, char *message, size_t size);
/* Adds every *.json of a directory, in the order of their names. */
WARN_UNUSED int schema_load_directory(struct schema *schema, const char *path, char *message, size_t size);

/* By number; for mgmtObj and flexContainer this is the plain table, the specialization comes from the content's root
 * name. */
const struct type_def *schema_type(const struct schema *schema, unsigned ty);
/* By root member name: "m2m:cnt", "cod:tempe". */
const struct type_def *schema_type_by_root(const struct schema *schema, struct str root);
/* All, specializations included; NULL at the end. */
const struct type_def *schema_type_at(const struct schema *schema, size_t index);

/* The row of an attribute by its short name / by its number; its index in type->attrs, or -1. */
int schema_row(const struct schema *schema, const struct type_def *type, struct str short_name);
int type_row(const struct type_def *type, unsigned name);
/* Members of a complex type likewise. */
int complex_row(const struct schema *schema, const struct complex_def *def, struct str short_name);

/* "mni" / "maxNrOfInstances" for a number; built-in names need no schema. */
struct str name_short(const struct schema *schema, unsigned name);
struct str name_long(const struct schema *schema, unsigned name);
/* The first name with this short form, or ATTR_NONE (for attribute conditions and attribute lists). A schema knows more
 * than the built-in names. */
unsigned name_by_short(const struct schema *schema, struct str short_name);

bool type_allows_child(const struct type_def *type, unsigned ty);
/* Does the type exist on an IN-CSE only (table 6.3.4.2.1-1)? */
bool resource_type_is_of_in(unsigned ty);
const char *resource_type_name(unsigned ty);				/* NULL when the standard has no such number */
const char *enum_value_name(const struct enum_def *def, int64_t value); /* NULL: not a value */

/* Look-up of the compiled-in enumerations and complex types by the standard's name (for load.c, describe and tests). */
const struct enum_def *enum_find(struct str name);
const struct complex_def *complex_find(struct str name);
const struct complex_def *complex_at(size_t index); /* NULL at the end */
const struct enum_def *enum_at(size_t index);

#endif
