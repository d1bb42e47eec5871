/* Answers as files, named by what is in them. */
#include "tests/scenario/answers.h"

#include "schemas/status.h"

#include <stdio.h>
#include <stdlib.h>

/* Of a resource all attributes, or none: only such a content can be valid by a schema. */
static bool is_complete(const struct exchange *exchange, const struct reply *reply)
{
	struct str to = exchange->param[PARAM_to], rcn = exchange->param[PARAM_resultContent];
	bool is_part = str_eq(rcn, STR("8")) || str_eq(rcn, STR("9")) || exchange->param[PARAM_attributeList].ptr;
	bool names_attributes = exchange->op == OP_RETRIEVE && exchange->content.len;

	return reply->content.len && rsc_is_success((enum rsc)reply->rsc) && !is_part && !names_attributes &&
	       (!to.ptr || !memchr(to.ptr, '#', to.len));
}

void answers_keep(const struct exchange *exchange, const struct reply *reply, const char *serialization)
{
	const char *directory = getenv("COPSE_ANSWERS");
	char path[600];
	FILE *file;

	if (!directory || !is_complete(exchange, reply))
		return;
	snprintf(path, sizeof(path), "%s/%016llx.%s", directory, (unsigned long long)str_hash(reply->content, 1),
		 serialization);
	file = fopen(path, "wx");
	if (!file)
		return;
	fwrite(reply->content.ptr, 1, reply->content.len, file);
	fclose(file);
}
