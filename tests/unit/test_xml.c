/* Unit tests of schemas/codec/xml*.c: TS-0004 8.3, what is refused, and what XML cannot carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/codec_case.h"

#define M2M " xmlns:m2m=\"http://www.onem2m.org/xml/protocols\""
#define XSI " xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""
#define JSON " xmlns:j=\"http://www.w3.org/2005/xpath-functions\""
#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define CIN(con) "<m2m:cin" M2M XSI JSON "><con>" con "</con></m2m:cin>"
#define CNT(inner) "<m2m:cnt" M2M XSI ">" inner "</m2m:cnt>"

static int set_up(void **state)
{
	return codec_case_set_up(state, "xml");
}

static void reads(void **state, const char *xml, const char *json)
{
	assert_reads(*state, CODEC_CONTENT, str_of(xml), json);
}

static void writes(void **state, const char *json, const char *xml)
{
	char text[2000];

	snprintf(text, sizeof(text), HEAD "%s", xml);
	assert_writes(*state, CODEC_CONTENT, json, str_of(text));
}

/* At the place where `at` begins in the text. */
static void refuses(void **state, const char *xml, const char *at, const char *message)
{
	const char *place = strstr(xml, at);

	assert_non_null(place);
	assert_refuses(*state, str_of(xml), ERROR_FORMAT, (size_t)(place - xml), message);
}

/* Wherever libxml2 notices it. */
static void refuses_somewhere(void **state, struct str xml, int error, const char *message)
{
	struct codec_case *c = *state;
	static const struct decode_limits limits = {.bytes = 10000, .depth = 8, .tokens = 100};

	arena_reset(&c->arena);
	assert_int_equal(c->codec->decode(c->schema, CODEC_CONTENT, xml, &limits, &c->arena, &c->doc, &c->error),
			 error);
	if (!strstr(c->error.message, message) || c->error.offset > xml.len)
		fail_msg("\"%s\" at %zu does not contain \"%s\"", c->error.message, c->error.offset, message);
}

/* ---- the mapping ---- */

static void elements_are_in_the_order_of_the_rows_and_the_name_is_an_attribute(void **state)
{
	writes(state,
	       "{\"m2m:cnt\":{\"mni\":5,\"lbl\":[\"a\",\"b\"],\"et\":\"20990101T000000\",\"rn\":\"c\",\"ty\":3}}",
	       "<m2m:cnt" M2M " rn=\"c\"><ty>3</ty><lbl>a b</lbl><et>20990101T000000</et><mni>5</mni></m2m:cnt>");
}

static void the_order_of_elements_and_the_prefix_are_free(void **state)
{
	reads(state, CNT("<mni>5</mni>\n\t<lbl> a\n b </lbl>"), "{\"m2m:cnt\":{\"mni\":5,\"lbl\":[\"a\",\"b\"]}}");
	reads(state, "<x:cnt xmlns:x=\"http://www.onem2m.org/xml/protocols\" rn=\"c\"><mni>5</mni></x:cnt>",
	      "{\"m2m:cnt\":{\"rn\":\"c\",\"mni\":5}}");
	reads(state, "<cnt xmlns=\"http://www.onem2m.org/xml/protocols\"><mni xmlns=\"\">5</mni></cnt>",
	      "{\"m2m:cnt\":{\"mni\":5}}");
}

static void an_empty_element_is_null_but_an_empty_root_is_empty(void **state)
{
	reads(state, CNT("<mni/><lbl></lbl><et> </et>"), "{\"m2m:cnt\":{\"mni\":null,\"lbl\":null,\"et\":null}}");
	reads(state, "<m2m:cnt" M2M "/>", "{\"m2m:cnt\":{}}");
	reads(state, "<m2m:uril" M2M "/>", "{\"m2m:uril\":[]}");
	reads(state, "<m2m:dbg" M2M "/>", "{\"m2m:dbg\":\"\"}");
	reads(state, "<m2m:rrl" M2M "/>", "{\"m2m:rrl\":{\"rrf\":[]}}");
	writes(state, "{\"m2m:cnt\":{\"mni\":null}}", "<m2m:cnt" M2M "><mni/></m2m:cnt>");
}

static void a_list_that_may_be_empty_is_an_empty_element(void **state)
{
	writes(state, "{\"m2m:grp\":{\"mid\":[]}}", "<m2m:grp" M2M "><mid/></m2m:grp>");
	reads(state, "<m2m:grp" M2M "><mid/></m2m:grp>", "{\"m2m:grp\":{\"mid\":[]}}");
	writes(state, "{\"m2m:rrl\":{\"rrf\":[]}}", "<m2m:rrl" M2M "/>");
}

static void schedules_and_objects_have_an_element_each(void **state)
{
	const char *json = "{\"m2m:sch\":{\"se\":{\"sce\":[\"* * * * * * *\",\"0 * * * * * *\"]}}}";
	const char *xml = "<m2m:sch" M2M "><se><sce>* * * * * * *</sce><sce>0 * * * * * *</sce></se></m2m:sch>";

	writes(state, json, xml);
	reads(state, xml, json);
}

static void a_reference_is_a_text_with_attributes(void **state)
{
	const char *json = "{\"m2m:rrl\":{\"rrf\":[{\"nm\":\"a\",\"typ\":3,\"val\":\"cse-in/a\"}]}}";
	const char *xml = "<m2m:rrl" M2M "><rrf nm=\"a\" typ=\"3\">cse-in/a</rrf></m2m:rrl>";

	writes(state, json, xml);
	reads(state, xml, json);
}

static void a_specialization_has_the_namespace_of_its_file(void **state)
{
	const char *json = "{\"cod:tempe\":{\"rn\":\"t\",\"curT0\":21.50}}";
	const char *xml = "<cod:tempe" M2M " xmlns:cod=\"http://www.onem2m.org/xml/protocols/commondomain\" rn=\"t\">"
			  "<curT0>21.50</curT0></cod:tempe>";

	writes(state, json, xml);
	reads(state, xml, json);
}

static void a_primitive_is_wrapped(void **state)
{
	const char *json = "{\"op\":1,\"ty\":3,\"pc\":{\"m2m:cnt\":{\"rn\":\"a\"}},\"rvi\":\"3\"}";
	struct str xml =
		STR(HEAD "<m2m:rqp" M2M "><op>1</op><ty>3</ty><pc><m2m:cnt rn=\"a\"/></pc><rvi>3</rvi></m2m:rqp>");

	assert_writes(*state, CODEC_REQUEST, json, xml);
	assert_reads(*state, CODEC_REQUEST, xml, json);
	assert_reads(*state, CODEC_RESPONSE, STR("<m2m:rsp" M2M "><rsc>2000</rsc></m2m:rsp>"), "{\"rsc\":2000}");
	assert_reads(*state, CODEC_CONTENT, STR("<m2m:rsp" M2M "><rsc>2000</rsc></m2m:rsp>"),
		     "{\"m2m:rsp\":{\"rsc\":2000}}");
}

static void a_text_where_any_value_may_be_is_a_string(void **state)
{
	reads(state, CIN("21.5"), "{\"m2m:cin\":{\"con\":\"21.5\"}}");
	reads(state, CIN(" a\n "), "{\"m2m:cin\":{\"con\":\" a\\n \"}}");
	reads(state, CIN("<![CDATA[<a>]]>&amp;<!-- no -->&#x20ac;"), "{\"m2m:cin\":{\"con\":\"<a>&\xe2\x82\xac\"}}");
	reads(state, CIN("<a>1</a><b/>"), "{\"m2m:cin\":{\"con\":{\"a\":\"1\",\"b\":null}}}");
}

static void the_kind_of_any_value_is_marked(void **state)
{
	writes(state, "{\"m2m:cin\":{\"con\":1.10}}",
	       "<m2m:cin" M2M XSI "><con xsi:type=\"xs:double\">1.10</con></m2m:cin>");
	writes(state, "{\"m2m:cin\":{\"con\":1e400}}",
	       "<m2m:cin" M2M XSI "><con xsi:type=\"xs:double\">1e400</con></m2m:cin>");
	writes(state, "{\"m2m:cin\":{\"con\":false}}",
	       "<m2m:cin" M2M XSI "><con xsi:type=\"xs:boolean\">false</con></m2m:cin>");
	writes(state, "{\"m2m:cin\":{\"con\":{\"a\":\"x\",\"b\":7}}}",
	       "<m2m:cin" M2M XSI "><con><a>x</a><b xsi:type=\"xs:integer\">7</b></con></m2m:cin>");
	writes(state, "{\"m2m:cin\":{\"con\":[1,{\"a b\":null}]}}",
	       "<m2m:cin" M2M JSON "><con><j:array><j:number>1</j:number><j:map><j:null key=\"a b\"></j:null></j:map>"
	       "</j:array></con></m2m:cin>");
	reads(state, "<m2m:cin" M2M XSI "><con xsi:type=\"xs:decimal\"> +007.5 </con></m2m:cin>",
	      "{\"m2m:cin\":{\"con\":7.5}}");
	reads(state, "<m2m:cin" M2M XSI "><con xsi:type=\"xs:token\">5</con></m2m:cin>",
	      "{\"m2m:cin\":{\"con\":\"5\"}}");
}

static void numbers_have_the_forms_of_xml_schema(void **state)
{
	reads(state, CNT("<mni> +5 </mni><mbs>007</mbs><mia>5.0</mia><disr>1</disr>"),
	      "{\"m2m:cnt\":{\"mni\":5,\"mbs\":7,\"mia\":\"5.0\",\"disr\":true}}");
	reads(state,
	      "<cod:tempe xmlns:cod=\"http://www.onem2m.org/xml/protocols/commondomain\"><curT0>.5</curT0>"
	      "<tarTe>5.</tarTe><minVe>NaN</minVe><maxVe>-1e400</maxVe></cod:tempe>",
	      "{\"cod:tempe\":{\"curT0\":0.5,\"tarTe\":5,\"minVe\":\"NaN\",\"maxVe\":-1e400}}");
}

static void line_ends_and_marks_in_texts_are_kept(void **state)
{
	writes(state, "{\"m2m:cin\":{\"con\":\"a\\r\\n\\tb ]]> <\"}}",
	       "<m2m:cin" M2M "><con>a&#13;\n\tb ]]&gt; &lt;</con></m2m:cin>");
	writes(state, "{\"m2m:cnt\":{\"rn\":\"a\\n\\\"<\"}}", "<m2m:cnt" M2M " rn=\"a&#10;&quot;&lt;\"/>");
}

/* ---- what is refused ---- */

static void a_document_type_is_refused_and_no_entity_expanded(void **state)
{
	refuses_somewhere(state, STR("<!DOCTYPE x [<!ENTITY a \"b\">]><m2m:cin" M2M "><con>&a;</con></m2m:cin>"),
			  ERROR_FORMAT, "a document type declaration is not accepted");
	refuses_somewhere(state, STR("<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><m2m:cin" M2M "/>"), ERROR_FORMAT,
			  "a document type declaration is not accepted");
	refuses_somewhere(state, STR(CIN("&a;")), ERROR_FORMAT, "Entity 'a' not defined");
}

static void a_wrong_namespace_is_refused(void **state)
{
	refuses_somewhere(state, STR("<m2m:cin xmlns:m2m=\"http://www.onem2m.org/xml/protocol\"/>"), ERROR_FORMAT,
			  "the root element is no resource type");
	refuses_somewhere(state, STR("<cin/>"), ERROR_FORMAT, "the root element is no resource type");
	refuses_somewhere(state, STR("<m2m:nothing" M2M "/>"), ERROR_FORMAT, "the root element is no resource type");
	refuses_somewhere(state, STR("<m2m:cin/>"), ERROR_FORMAT, "prefix");
	refuses_somewhere(state, STR(CNT("<m2m:mni>1</m2m:mni>")), ERROR_FORMAT,
			  "a wrong namespace, or no element of it: mni");
	refuses_somewhere(state, STR(CNT("<o:mni xmlns:o=\"urn:o\">1</o:mni>")), ERROR_FORMAT,
			  "a wrong namespace, or no element of it: mni");
}

static void attributes_that_mean_nothing_are_refused(void **state)
{
	refuses_somewhere(state, STR("<m2m:cnt" M2M " mni=\"1\"/>"), ERROR_FORMAT, "no attribute of this element: mni");
	refuses_somewhere(state, STR(CIN("<a unit=\"C\">1</a>")), ERROR_FORMAT, "no attribute of this element: unit");
	refuses_somewhere(state, STR("<m2m:cnt" M2M " m2m:rn=\"1\"/>"), ERROR_FORMAT, "namespace that is known: rn");
	reads(state, "<m2m:cnt" M2M XSI " xsi:schemaLocation=\"a b\" xml:lang=\"en\"/>", "{\"m2m:cnt\":{}}");
}

static void what_json_has_no_form_for_is_refused(void **state)
{
	refuses_somewhere(state, STR(CIN("a<b/>")), ERROR_FORMAT, "text beside elements");
	refuses_somewhere(state, STR(CIN("<b/>a")), ERROR_FORMAT, "text beside elements");
	refuses_somewhere(state, STR(CIN("<b>1</b><b>2</b>")), ERROR_FORMAT, "two members of the same name");
	refuses_somewhere(state, STR(CNT("<mni>1</mni><mni>1</mni>")), ERROR_FORMAT, "two members of the same name");
	refuses_somewhere(state, STR("<m2m:cin" M2M XSI "><con xsi:type=\"xs:double\">INF</con></m2m:cin>"),
			  ERROR_FORMAT, "no number");
	refuses_somewhere(state, STR(CIN("<j:number>+5</j:number>")), ERROR_FORMAT, "no number of JSON");
	refuses_somewhere(state, STR(CIN("<j:null/><j:null/>")), ERROR_FORMAT, "no sense here");
	refuses_somewhere(state, STR(CIN("<j:map><j:null/></j:map>")), ERROR_FORMAT, "no sense here");
	refuses_somewhere(state, STR(CIN("<j:list/>")), ERROR_FORMAT, "no sense here");
}

static void what_is_not_well_formed_utf8_is_refused(void **state)
{
	refuses_somewhere(state, STR(""), ERROR_FORMAT, "it does not begin with <");
	refuses_somewhere(state, STR("{\"m2m:cin\":{}}"), ERROR_FORMAT, "it does not begin with <");
	refuses_somewhere(state, STR("<m2m:cin" M2M ">"), ERROR_FORMAT, "XML: ");
	refuses_somewhere(state, STR("<m2m:cin" M2M "/>x"), ERROR_FORMAT, "XML: ");
	refuses_somewhere(state, STR(CIN("\xc3(")), ERROR_FORMAT, "invalid UTF-8");
	refuses_somewhere(state, STR(CIN("\0")), ERROR_FORMAT, "invalid UTF-8");
	refuses_somewhere(state, STR(CIN("&#1;")), ERROR_FORMAT, "XML: ");
	refuses_somewhere(state, STR("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><m2m:cin" M2M "/>"), ERROR_FORMAT,
			  "an encoding that is not UTF-8");
	reads(state, "\xef\xbb\xbf<m2m:cin" M2M "/>", "{\"m2m:cin\":{}}");
}

static void the_place_of_a_mistake_is_told(void **state)
{
	refuses(state, CNT("<mni>1</mni><a>x<b/></a>"), "/></a>", "text beside elements");
}

static void bounds_hold(void **state)
{
	char text[12000] = "";
	size_t len = 0;

	len += (size_t)snprintf(text, sizeof(text), "<m2m:cin" M2M "><con>");
	for (int i = 0; i < 20; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "<a>");
	refuses_somewhere(state, str_of(text), ERROR_LIMIT, "nested too deep");
	len = (size_t)snprintf(text, sizeof(text), "<m2m:cin" M2M "><con>");
	for (int i = 0; i < 200; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "<a/>");
	refuses_somewhere(state, str_of(text), ERROR_LIMIT, "too many values");
	len = (size_t)snprintf(text, sizeof(text), "<m2m:cnt" M2M "><lbl>");
	for (int i = 0; i < 200; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "a ");
	snprintf(text + len, sizeof(text) - len, "</lbl></m2m:cnt>");
	refuses_somewhere(state, str_of(text), ERROR_LIMIT, "too many values");
	len = (size_t)snprintf(text, sizeof(text), "<m2m:cnt" M2M);
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " a%d=\"\"", i);
	refuses_somewhere(state, str_of(text), ERROR_LIMIT, "too many attributes in one tag");
	memset(text, ' ', sizeof(text));
	refuses_somewhere(state, str_make(text, sizeof(text)), ERROR_LIMIT, "the text is too long");
}

/* ---- what XML cannot carry ---- */

static void what_xml_has_no_form_for_is_reported(void **state)
{
	assert_cannot_write(*state, "{\"m2m:cin\":{\"con\":\"a\\u0001\"}}", "XML has no character U+0001");
	assert_cannot_write(*state, "{\"m2m:cin\":{\"con\":\"a\\u0000\"}}", "XML has no character U+0000");
	assert_cannot_write(*state, "{\"m2m:cin\":{\"con\":\"\xef\xbf\xbf\"}}", "XML has no character U+FFFF");
	assert_cannot_write(*state, "{\"m2m:cin\":{\"con\":{\"\\u001f\":1}}}", "XML has no character U+001F");
	assert_cannot_write(*state, "{\"m2m:cnt\":{\"a b\":1}}", "\"a b\" is no name");
	assert_cannot_write(*state, "{\"m2m:cnt\":{\"m2m:zzz\":[]}}", "\"m2m:zzz\" is no name");
	assert_cannot_write(*state, "{\"m2m:cnt\":{\"lbl\":\"a\"}}", "lbl is no list");
	assert_cannot_write(*state, "{\"m2m:cnt\":{\"lbl\":[]}}", "an empty list, lbl, has no form");
	assert_cannot_write(*state, "{\"m2m:cnt\":{\"m2m:cin\":{}}}", "m2m:cin is no list");
	assert_cannot_write(*state, "{\"m2m:zzz\":{}}", "\"m2m:zzz\" is no resource type");
	assert_cannot_write(*state, "{\"m2m:cnt\":{},\"m2m:cin\":{}}", "an object with one member");
	assert_cannot_write(*state, "[]", "an object with one member");
	assert_cannot_write(*state, "{", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(elements_are_in_the_order_of_the_rows_and_the_name_is_an_attribute,
						set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(the_order_of_elements_and_the_prefix_are_free, set_up,
						codec_case_tear_down),
		cmocka_unit_test_setup_teardown(an_empty_element_is_null_but_an_empty_root_is_empty, set_up,
						codec_case_tear_down),
		cmocka_unit_test_setup_teardown(a_list_that_may_be_empty_is_an_empty_element, set_up,
						codec_case_tear_down),
		cmocka_unit_test_setup_teardown(schedules_and_objects_have_an_element_each, set_up,
						codec_case_tear_down),
		cmocka_unit_test_setup_teardown(a_reference_is_a_text_with_attributes, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(a_specialization_has_the_namespace_of_its_file, set_up,
						codec_case_tear_down),
		cmocka_unit_test_setup_teardown(a_primitive_is_wrapped, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(a_text_where_any_value_may_be_is_a_string, set_up,
						codec_case_tear_down),
		cmocka_unit_test_setup_teardown(the_kind_of_any_value_is_marked, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(numbers_have_the_forms_of_xml_schema, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(line_ends_and_marks_in_texts_are_kept, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(a_document_type_is_refused_and_no_entity_expanded, set_up,
						codec_case_tear_down),
		cmocka_unit_test_setup_teardown(a_wrong_namespace_is_refused, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(attributes_that_mean_nothing_are_refused, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(what_json_has_no_form_for_is_refused, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_well_formed_utf8_is_refused, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(the_place_of_a_mistake_is_told, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(bounds_hold, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(what_xml_has_no_form_for_is_reported, set_up, codec_case_tear_down),
	};

	return cmocka_run_group_tests_name("test_xml", tests, NULL, NULL);
}
