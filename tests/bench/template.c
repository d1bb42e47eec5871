/* template: request texts, see template.h. */
#include "tests/bench/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends text with its holes opened. */
static int add_text(struct template *template, FILE *out, const char *text)
{
	for (const char *at = text; *at; at++) {
		if (*at != '%' || at[1] == '%') {
			fputc(*at, out);
			at += *at == '%';
			continue;
		}
		if (at[1] != '0' || at[2] < '1' || at[2] > '9' || at[3] != 'u' ||
		    template->hole_count == TEMPLATE_HOLES)
			return -1;
		fflush(out);
		template->holes[template->hole_count].at = template->size;
		template->holes[template->hole_count++].digits = (unsigned)(at[2] - '0');
		fprintf(out, "%0*u", at[2] - '0', 0u);
		at += 3;
	}
	return 0;
}

/* The bytes that add_text makes of text. */
static size_t text_size(const char *text)
{
	size_t size = 0;

	for (const char *at = text; *at; at++, size++) {
		if (*at != '%')
			continue;
		if (at[1] == '0' && at[2] >= '1' && at[2] <= '9') {
			size += (size_t)(at[2] - '0') - 1;
			at += 2;
		}
		at += at[1] != 0;
	}
	return size;
}

int template_init(struct template *template, const struct template_parts *parts)
{
	int status = 0;
	FILE *out;

	*template = (struct template){0};
	out = open_memstream(&template->text, &template->size);
	if (!out)
		abort();
	fprintf(out, "%s ", parts->method);
	status |= add_text(template, out, parts->path);
	fprintf(out, " HTTP/1.1\r\nHost: %s\r\nX-M2M-RI: ", parts->host);
	fflush(out);
	template->ri_at = template->size;
	fprintf(out, "%0*u\r\n", TEMPLATE_RI_DIGITS, 0u);
	for (unsigned i = 0; i < parts->header_count; i++) {
		status |= add_text(template, out, parts->headers[i]);
		fputs("\r\n", out);
	}
	if (parts->body)
		fprintf(out, "Content-Length: %zu\r\n", text_size(parts->body));
	fputs("\r\n", out);
	if (parts->body)
		status |= add_text(template, out, parts->body);
	fclose(out);
	return status;
}

void template_finish(struct template *template)
{
	free(template->text);
}

static void put_digits(char *at, unsigned digits, uint64_t number)
{
	while (digits > 0) {
		at[--digits] = (char)('0' + number % 10);
		number /= 10;
	}
}

void template_patch(const struct template *template, char *text, uint64_t number, uint64_t ri)
{
	for (unsigned i = 0; i < template->hole_count; i++)
		put_digits(text + template->holes[i].at, template->holes[i].digits, number);
	put_digits(text + template->ri_at, TEMPLATE_RI_DIGITS, ri);
}
