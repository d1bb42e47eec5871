/* xml: see xml.h. */
#include "schemas/codec/xml.h"

enum xml_reading xml_reading_of(const struct shape *shape)
{
	switch (shape->kind.base) {
	case KIND_UINT:
	case KIND_INT:
	case KIND_ENUM:
		return XML_READ_INTEGER;
	case KIND_FLOAT:
		return XML_READ_NUMBER;
	case KIND_BOOL:
		return XML_READ_BOOL;
	case KIND_STRING:
	case KIND_ANY:
		return XML_READ_VERBATIM;
	default:
		return XML_READ_TRIMMED;
	}
}

enum xml_empty xml_empty_of(const struct shape *shape)
{
	if (shape->kind.is_list && shape->may_be_empty && !xml_is_repeated(shape))
		return XML_EMPTY_LIST;
	if (!shape->is_global)
		return XML_EMPTY_NULL;
	if (shape->type || shape->kind.base == KIND_COMPLEX)
		return XML_EMPTY_OBJECT;
	return shape->kind.base == KIND_ANY || shape->kind.is_list ? XML_EMPTY_NULL : XML_EMPTY_STRING;
}

bool xml_is_repeated(const struct shape *shape)
{
	return shape->kind.is_list && (shape->type || shape->kind.base == KIND_COMPLEX ||
				       shape->kind.base == KIND_ANY || shape->xml == XML_EACH);
}

bool xml_has_text(const struct shape *shape)
{
	size_t count;
	const struct attr_def *rows = shape_rows(shape, &count);

	if (shape->type)
		return false;
	for (size_t i = 0; i < count; i++)
		if (rows[i].xml == XML_TEXT)
			return true;
	return false;
}

struct str xml_wrapper(enum codec_form form)
{
	return form == CODEC_REQUEST ? STR("m2m:rqp") : STR("m2m:rsp");
}

struct str xml_trim(struct str text)
{
	while (text.len > 0 && xml_is_blank(text.ptr[0]))
		text = str_from(text, 1);
	while (text.len > 0 && xml_is_blank(text.ptr[text.len - 1]))
		text.len--;
	return text;
}

const struct codec codec_xml = {"xml", xml_read, xml_write};
