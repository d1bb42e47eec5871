/* caller: one request over libcurl. It goes straight to the server, whatever proxies the environment names, and follows
 * no redirection: both would let somebody else answer. */
#include "cse/caller.h"

#include <curl/curl.h>
#include <string.h>

enum { LARGEST_ANSWER = 64 << 20 };

void caller_escape(struct strbuf *out, struct str text, bool is_path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~*,:+";

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c && c != '+' && (strchr(plain, c) || (is_path && c == '/')))
			strbuf_add_char(out, c);
		else
			strbuf_addf(out, "%%%02X", (unsigned char)c);
	}
}

static size_t take_content(char *bytes, size_t one, size_t len, void *arg)
{
	struct caller_answer *answer = arg;

	(void)one;
	if (answer->content.len + len > LARGEST_ANSWER)
		return 0;
	strbuf_add(&answer->content, bytes, len);
	return len;
}

static size_t take_field(char *bytes, size_t one, size_t len, void *arg)
{
	struct caller_answer *answer = arg;
	struct str value = str_make(bytes, len), name = str_split(&value, ':');
	uint64_t code;

	(void)one;
	while (value.len && (value.ptr[0] == ' ' || value.ptr[0] == '\t'))
		value = str_from(value, 1);
	while (value.len && memchr(" \t\r\n", value.ptr[value.len - 1], 4))
		value.len--;
	if (str_eq_nocase(name, STR("X-M2M-RSC")) && str_to_u64(value, &code) == 0 && code < 100000)
		answer->rsc = (unsigned)code;
	else if (str_eq_nocase(name, STR("Content-Location")))
		snprintf(answer->location, sizeof(answer->location), "%.*s", STR_ARG(value));
	return len;
}

/* A field whose value is empty is left out, as libcurl does with "Name:". */
static struct curl_slist *add_field(struct curl_slist *list, const char *name, const char *value)
{
	char line[1000];
	struct curl_slist *longer;

	snprintf(line, sizeof(line), "%s:%s%s", name, value && *value ? " " : "", value ? value : "");
	longer = curl_slist_append(list, line);
	if (!longer)
		die_out_of_memory(sizeof(line));
	return longer;
}

static struct curl_slist *fields_of(const struct caller_request *request)
{
	struct curl_slist *list = NULL;
	char type[60] = "application/json";

	if (request->ty)
		snprintf(type, sizeof(type), "application/json;ty=%u", request->ty);
	list = add_field(list, "X-M2M-Origin", request->from);
	list = add_field(list, "X-M2M-RI", request->request_id);
	list = add_field(list, "X-M2M-RVI", request->release);
	list = add_field(list, "Content-Type", request->content.ptr ? type : NULL);
	list = add_field(list, "Accept", "application/json");
	return add_field(list, "Expect", NULL);
}

static void set_up(CURL *curl, const struct caller_request *request, struct curl_slist *fields,
		   struct caller_answer *answer, char *fault)
{
	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, request->timeout_s);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "copse/" PACKAGE_VERSION);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, fault);
	if (request->content.ptr) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->content.len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->content.ptr);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_content);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_field);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
}

int caller_send(const struct caller_request *request, struct caller_answer *answer, char *message, size_t size)
{
	char fault[CURL_ERROR_SIZE] = "";
	struct curl_slist *fields = fields_of(request);
	CURL *curl = curl_easy_init();
	CURLcode code;

	*answer = (struct caller_answer){0};
	if (!curl)
		die_out_of_memory(sizeof(fault));
	set_up(curl, request, fields, answer, fault);
	code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		snprintf(message, size, "%.300s: %s", request->url, fault[0] ? fault : curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(fields);
	return code == CURLE_OK ? 0 : -1;
}
