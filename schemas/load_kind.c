/* load_kind: see load_kind.h. */
#include "schemas/load_kind.h"

static const struct {
	const char *word;
	enum base_kind base;
} words[] = {
	{"STRING", KIND_STRING},
	{"TOKEN", KIND_TOKEN},
	{"URI", KIND_URI},
	{"ID", KIND_ID},
	{"NAME", KIND_NAME},
	{"NCNAME", KIND_NCNAME},
	{"UINT", KIND_UINT},
	{"INT", KIND_INT},
	{"FLOAT", KIND_FLOAT},
	{"BOOL", KIND_BOOL},
	{"TIMESTAMP", KIND_TIMESTAMP},
	{"ABS_REL_TIMESTAMP", KIND_ABS_REL_TIMESTAMP},
	{"DURATION", KIND_DURATION},
	{"SCHEDULE", KIND_SCHEDULE},
	{"BASE64", KIND_BASE64},
	{"CONTENT_INFO", KIND_CONTENT_INFO},
	{"MEDIA_TYPE", KIND_MEDIA_TYPE},
	{"POA", KIND_POA},
	{"IPV4", KIND_IPV4},
	{"IPV6", KIND_IPV6},
	{"COUNTRY", KIND_COUNTRY},
	{"ROLE_ID", KIND_ROLE_ID},
	{"ANYTYPE", KIND_ANY},
};

/* If text is word(...), moves *inner to what is between. */
static bool is_call(struct str text, struct str word, struct str *inner)
{
	if (!str_starts(text, word) || text.len < word.len + 2)
		return false;
	if (text.ptr[word.len] != '(' || text.ptr[text.len - 1] != ')')
		return false;
	*inner = str_make(text.ptr + word.len + 1, text.len - word.len - 2);
	return true;
}

static const char *load_enum(struct str name, const struct local_enums *enums, struct kind *kind)
{
	kind->base = KIND_ENUM;
	kind->of = enum_find(name);
	for (size_t i = 0; i < enums->count; i++)
		if (str_eq(name, str_of(enums->defs[i].name)))
			kind->of = &enums->defs[i];
	return kind->of ? NULL : "names no enumeration of this file or of TS-0004 6.3.4.2";
}

static const char *load_complex(struct str name, struct kind *kind)
{
	kind->base = KIND_COMPLEX;
	kind->of = complex_find(name);
	return kind->of ? NULL : "names no complex type of TS-0004 6.3.5";
}

const char *load_kind(struct str text, const struct local_enums *enums, struct kind *kind)
{
	struct str inner;

	*kind = (struct kind){KIND_STRING, false, NULL};
	if (is_call(text, STR("LIST"), &inner)) {
		kind->is_list = true;
		text = inner;
	}
	if (is_call(text, STR("ENUM"), &inner))
		return load_enum(inner, enums, kind);
	if (is_call(text, STR("COMPLEX"), &inner))
		return load_complex(inner, kind);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq(text, str_of(words[i].word))) {
			kind->base = words[i].base;
			return NULL;
		}
	return "is no kind of data (see README.md beside the built-in specializations)";
}
