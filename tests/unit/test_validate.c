/* Unit tests of schemas/validate*.c that are derived from the rows: every attribute of every table is created, left
 * out, given wrong values, set to null, updated and stored. */
#include "tests/unit/validation.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/value_maker.h"

#define NO_ROW SIZE_MAX

/* Refused, and the text begins with the attribute's names. */
static void assert_refused(struct fixture *f, validator *validate, const struct type_def *type, size_t row)
{
	unsigned name = type->attrs[row].name;
	char start[100];

	if (run(f, validate, type) != RSC_BAD_REQUEST)
		fail_msg("%s accepted: %.*s", type->name, STR_ARG(strbuf_str(&f->text)));
	snprintf(start, sizeof(start), "%.*s (%.*s): ", STR_ARG(name_long(f->schema, name)),
		 STR_ARG(name_short(f->schema, name)));
	if (strncmp(f->problem.text, start, strlen(start)) != 0)
		fail_msg("%s: %.*s: \"%s\" does not begin with \"%s\"", type->name, STR_ARG(strbuf_str(&f->text)),
			 f->problem.text, start);
}

/* ---- representations ---- */

static void add_name(struct fixture *f, const struct type_def *type, size_t row)
{
	strbuf_addf(&f->text, "%s\"%.*s\":", f->text.len > 1 ? "," : "",
		    STR_ARG(name_short(f->schema, type->attrs[row].name)));
}

static void add_right(struct fixture *f, const struct type_def *type, size_t row)
{
	const struct attr_def *attr = &type->attrs[row];

	if (attr->name == ATTR_containerDefinition && type->definition)
		strbuf_addf(&f->text, "\"%s\"", type->definition);
	else
		make_value(&f->text, attr->kind, &attr->constraint);
}

static void begin(struct fixture *f)
{
	strbuf_clear(&f->text);
	strbuf_add_char(&f->text, '{');
}

static void end(struct fixture *f)
{
	strbuf_add_char(&f->text, '}');
}

/* What a CREATE may have, without the row `left_out`. */
static void begin_create(struct fixture *f, const struct type_def *type, size_t left_out)
{
	begin(f);
	for (size_t row = 0; row < type->attr_count; row++) {
		if (type->attrs[row].create == NP || row == left_out)
			continue;
		add_name(f, type, row);
		if (type->attrs[row].create == NULL_ONLY)
			strbuf_addf(&f->text, "null");
		else
			add_right(f, type, row);
	}
}

static void begin_stored(struct fixture *f, const struct type_def *type, size_t left_out)
{
	begin(f);
	for (size_t row = 0; row < type->attr_count; row++) {
		if (row == left_out)
			continue;
		add_name(f, type, row);
		add_right(f, type, row);
	}
}

/* Calls with every row of every type. */
static void each_row(struct fixture *f, void (*call)(struct fixture *f, const struct type_def *type, size_t row))
{
	const struct type_def *type;

	for (size_t i = 0; (type = schema_type_at(f->schema, i)); i++) {
		assert_true(i < MAX_TYPES && type->attr_count <= MAX_ROWS);
		for (size_t row = 0; row < type->attr_count; row++)
			call(f, type, row);
	}
}

/* ---- CREATE ---- */

static void a_create_with_all_permitted_attributes_is_accepted(void **state)
{
	struct fixture *f = *state;
	const struct type_def *type;

	for (size_t i = 0; (type = schema_type_at(f->schema, i)); i++) {
		begin_create(f, type, NO_ROW);
		end(f);
		assert_accepted(f, validate_create, type);
		for (size_t row = 0; row < type->attr_count; row++)
			f->exercised[i][row] |= !value_is_absent(f->attrs.value[row]);
	}
}

static void create_without(struct fixture *f, const struct type_def *type, size_t row)
{
	begin_create(f, type, row);
	end(f);
	if (type->attrs[row].create == M)
		assert_refused(f, validate_create, type, row);
	else
		assert_accepted(f, validate_create, type);
}

static void a_create_without_a_mandatory_attribute_is_refused(void **state)
{
	each_row(*state, create_without);
}

static void create_with_np(struct fixture *f, const struct type_def *type, size_t row)
{
	if (type->attrs[row].create != NP)
		return;
	begin_create(f, type, NO_ROW);
	add_name(f, type, row);
	add_right(f, type, row);
	end(f);
	assert_refused(f, validate_create, type, row);
}

static void a_create_with_a_not_permitted_attribute_is_refused(void **state)
{
	each_row(*state, create_with_np);
}

static void create_with_null(struct fixture *f, const struct type_def *type, size_t row)
{
	begin_create(f, type, row);
	add_name(f, type, row);
	strbuf_addf(&f->text, "null");
	end(f);
	if (type->attrs[row].create == NULL_ONLY)
		assert_accepted(f, validate_create, type);
	else
		assert_refused(f, validate_create, type, row);
}

static void a_create_with_null_is_refused_but_for_the_creator(void **state)
{
	each_row(*state, create_with_null);
}

static void create_with_a_creator(struct fixture *f, const struct type_def *type, size_t row)
{
	if (type->attrs[row].create != NULL_ONLY)
		return;
	begin_create(f, type, row);
	add_name(f, type, row);
	add_right(f, type, row);
	end(f);
	assert_refused(f, validate_create, type, row);
}

static void a_creator_with_a_value_is_refused(void **state)
{
	each_row(*state, create_with_a_creator);
}

static void create_with_wrong(struct fixture *f, const struct type_def *type, size_t row)
{
	const struct attr_def *attr = &type->attrs[row];
	bool more = attr->create == O || attr->create == M;

	for (unsigned number = 0; more; number++) {
		begin_create(f, type, row);
		add_name(f, type, row);
		more = make_wrong_value(&f->text, attr->kind, &attr->constraint, number);
		end(f);
		if (more)
			assert_refused(f, validate_create, type, row);
	}
}

static void a_create_with_a_wrong_value_is_refused(void **state)
{
	each_row(*state, create_with_wrong);
}

/* ---- UPDATE ---- */

static void update_with_right(struct fixture *f, const struct type_def *type, size_t row)
{
	begin(f);
	add_name(f, type, row);
	add_right(f, type, row);
	end(f);
	if (type->attrs[row].update == NP)
		assert_refused(f, validate_update, type, row);
	else
		assert_accepted(f, validate_update, type);
}

static void an_update_has_permitted_attributes_only(void **state)
{
	each_row(*state, update_with_right);
}

static void update_with_null(struct fixture *f, const struct type_def *type, size_t row)
{
	const struct attr_def *attr = &type->attrs[row];

	begin(f);
	add_name(f, type, row);
	strbuf_addf(&f->text, "null");
	end(f);
	if (attr->update == NP || (attr->cardinality == ONE && attr->name != ATTR_expirationTime))
		assert_refused(f, validate_update, type, row);
	else
		assert_accepted(f, validate_update, type);
}

static void an_update_removes_what_may_be_absent_only(void **state)
{
	each_row(*state, update_with_null);
}

static void update_with_wrong(struct fixture *f, const struct type_def *type, size_t row)
{
	const struct attr_def *attr = &type->attrs[row];
	bool more = attr->update != NP;

	for (unsigned number = 0; more; number++) {
		begin(f);
		add_name(f, type, row);
		more = make_wrong_value(&f->text, attr->kind, &attr->constraint, number);
		end(f);
		if (more)
			assert_refused(f, validate_update, type, row);
	}
}

static void an_update_with_a_wrong_value_is_refused(void **state)
{
	each_row(*state, update_with_wrong);
}

/* ---- stored ---- */

static void a_stored_representation_has_every_attribute(void **state)
{
	struct fixture *f = *state;
	const struct type_def *type;

	for (size_t i = 0; (type = schema_type_at(f->schema, i)); i++) {
		begin_stored(f, type, NO_ROW);
		end(f);
		assert_accepted(f, validate_stored, type);
		for (size_t row = 0; row < type->attr_count; row++)
			f->exercised[i][row] |= !value_is_absent(f->attrs.value[row]);
	}
}

static void store_without(struct fixture *f, const struct type_def *type, size_t row)
{
	const struct attr_def *attr = &type->attrs[row];

	begin_stored(f, type, row);
	end(f);
	if (attr->cardinality == ONE && attr->default_kind != DEFAULT_COMPUTED)
		assert_refused(f, validate_stored, type, row);
	else
		assert_accepted(f, validate_stored, type);
}

static void a_stored_representation_lacks_optional_and_computed_attributes_only(void **state)
{
	each_row(*state, store_without);
}

static void store_wrong(struct fixture *f, const struct type_def *type, size_t row)
{
	const struct attr_def *attr = &type->attrs[row];
	bool more = true;

	for (unsigned number = 0; more; number++) {
		begin_stored(f, type, row);
		add_name(f, type, row);
		more = make_wrong_value(&f->text, attr->kind, &attr->constraint, number);
		end(f);
		if (more)
			assert_refused(f, validate_stored, type, row);
	}
}

static void a_stored_representation_with_a_wrong_value_is_refused(void **state)
{
	each_row(*state, store_wrong);
}

static void every_row_was_exercised(void **state)
{
	struct fixture *f = *state;
	const struct type_def *type;

	for (size_t i = 0; (type = schema_type_at(f->schema, i)); i++)
		for (size_t row = 0; row < type->attr_count; row++)
			if (!f->exercised[i][row])
				fail_msg("%s: row %zu", type->name, row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_create_with_all_permitted_attributes_is_accepted),
		cmocka_unit_test(a_create_without_a_mandatory_attribute_is_refused),
		cmocka_unit_test(a_create_with_a_not_permitted_attribute_is_refused),
		cmocka_unit_test(a_create_with_null_is_refused_but_for_the_creator),
		cmocka_unit_test(a_creator_with_a_value_is_refused),
		cmocka_unit_test(a_create_with_a_wrong_value_is_refused),
		cmocka_unit_test(an_update_has_permitted_attributes_only),
		cmocka_unit_test(an_update_removes_what_may_be_absent_only),
		cmocka_unit_test(an_update_with_a_wrong_value_is_refused),
		cmocka_unit_test(a_stored_representation_has_every_attribute),
		cmocka_unit_test(a_stored_representation_lacks_optional_and_computed_attributes_only),
		cmocka_unit_test(a_stored_representation_with_a_wrong_value_is_refused),
		cmocka_unit_test(every_row_was_exercised),
	};

	return cmocka_run_group_tests_name("validate", tests, validation_set_up, validation_tear_down);
}
