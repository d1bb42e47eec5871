/* emit_documents: for test_schemas.py. Writes into a directory the schemas that describe prints, and documents of every
 * type and root with values at random as JSON and XML: NAME.xsd, NAME-NUMBER.xml, schema.json, NAME-NUMBER.json. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cse/describe.h"
#include "schemas/codec/codec.h"
#include "schemas/shape.h"
#include "tests/unit/tables.h"
#include "tests/unit/value_random.h"

enum { ROUNDS = 12, PATH_SIZE = 400 };

struct emitter {
	struct schema *schema;
	const char *directory;
	struct random random;
	struct strbuf text;
	unsigned number;
};

static FILE *open_file(const struct emitter *e, const char *format, const char *name, unsigned number)
{
	char path[PATH_SIZE], file[PATH_SIZE / 2];
	FILE *out;

	snprintf(file, sizeof(file), format, name, number);
	snprintf(path, sizeof(path), "%s/%s", e->directory, file);
	out = fopen(path, "wb");
	if (!out) {
		perror(path);
		exit(1);
	}
	return out;
}

/* The document in e->text, beside the schema of that name. */
static void emit(struct emitter *e, const char *name)
{
	struct strbuf xml = {0};
	struct decode_error error;
	struct arena arena;
	FILE *out = open_file(e, "%s-%u.json", name, ++e->number);

	fprintf(out, "%.*s\n", STR_ARG(strbuf_str(&e->text)));
	fclose(out);
	arena_init(&arena);
	if (codec_find(STR("xml"))->encode(e->schema, CODEC_CONTENT, strbuf_str(&e->text), &arena, &xml, &error) < 0) {
		fprintf(stderr, "%.*s: %s\n", STR_ARG(strbuf_str(&e->text)), error.message);
		exit(1);
	}
	out = open_file(e, "%s-%u.xml", name, e->number);
	fwrite(xml.ptr, 1, xml.len, out);
	fclose(out);
	strbuf_finish(&xml);
	arena_finish(&arena);
}

static void emit_type(struct emitter *e, const char *name, const struct type_def *type)
{
	strbuf_clear(&e->text);
	strbuf_addf(&e->text, "{\"%s:%s\":{", type->space, type->short_name);
	for (size_t i = 0; i < type->attr_count; i++) {
		strbuf_addf(&e->text, "%s\"%.*s\":", i ? "," : "", STR_ARG(name_short(e->schema, type->attrs[i].name)));
		random_value(&e->text, &e->random, type->attrs[i].kind, &type->attrs[i].constraint);
	}
	STRBUF_LIT(&e->text, "}}");
	emit(e, name);
}

static void emit_root(struct emitter *e, const char *root, const struct shape *shape)
{
	static const struct constraint any = {.min = 0, .max = INT64_MAX, .is_set = true};

	strbuf_clear(&e->text);
	strbuf_addf(&e->text, "{\"%s\":", root);
	random_value(&e->text, &e->random, shape->kind, shape->kind.is_list ? &any : NULL);
	strbuf_add_char(&e->text, '}');
	emit(e, M2M_SPACE);
}

static void emit_schemas(const struct emitter *e)
{
	const struct type_def *type;
	FILE *out = open_file(e, "schema.json", "", 0);

	describe_json_schema(e->schema, NULL, out);
	fclose(out);
	out = open_file(e, "%s.xsd", M2M_SPACE, 0);
	describe_xsd(e->schema, NULL, out);
	fclose(out);
	for (size_t i = 0; (type = schema_type_at(e->schema, i)) != NULL; i++) {
		if (strcmp(type->space, M2M_SPACE) == 0)
			continue;
		out = open_file(e, "%s.xsd", type->short_name, 0);
		describe_xsd(e->schema, type, out);
		fclose(out);
	}
}

int main(int argc, char **argv)
{
	struct emitter e = {.schema = schema_create(test_types, test_type_count), .directory = argv[1]};
	const char *seed = getenv("COPSE_SEED"), *name;
	const struct type_def *type;
	struct shape shape;
	char message[200];

	if (argc < 2 || schema_load_builtin(e.schema, message, sizeof(message)) < 0)
		return 1;
	e.random.state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) * 0x9e3779b97f4a7c15 | 1;
	e.random.no_blanks = true;
	printf("COPSE_SEED=%llu\n", (unsigned long long)e.random.state);
	emit_schemas(&e);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; (type = schema_type_at(e.schema, i)) != NULL; i++)
			emit_type(&e, strcmp(type->space, M2M_SPACE) == 0 ? M2M_SPACE : type->short_name, type);
		for (size_t i = 0; (name = shape_root_at(i, &shape)) != NULL; i++)
			if (!shape.kind.is_list ||
			    shape.kind.base != KIND_COMPLEX) /* which is no root element of XML */
				emit_root(&e, name, &shape);
	}
	strbuf_finish(&e.text);
	schema_destroy(e.schema);
	return 0;
}
