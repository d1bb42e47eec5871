/* Identifiers of originators, segment by segment. */
#include "cse/core/originator.h"

bool wildcard_matches(struct str pattern, struct str text)
{
	size_t star = SIZE_MAX, from = 0, p = 0, t = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			from = t;
		} else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '*')
		p++;
	return p == pattern.len;
}

/* `cse/stem`, `cse` or `S...`, which no CSE has assigned but the IN-CSE. */
static bool parse_below_domain(struct str text, struct identity *out)
{
	struct str rest = text;

	out->cse = str_split(&rest, '/');
	out->stem = rest;
	return out->cse.len > 0 && (!rest.ptr || (rest.len > 0 && !memchr(rest.ptr, '/', rest.len)));
}

bool identity_parse(const struct home *home, struct str text, struct identity *out)
{
	struct str rest;

	*out = (struct identity){.domain = home->domain};
	if (str_starts(text, STR("//"))) {
		rest = str_from(text, 2);
		out->domain = str_split(&rest, '/');
		return out->domain.len > 0 && (!rest.ptr || parse_below_domain(rest, out));
	}
	if (str_starts(text, STR("/")))
		return parse_below_domain(str_from(text, 1), out);
	out->cse = home->cse;
	out->stem = text;
	return text.len > 0 && !memchr(text.ptr, '/', text.len);
}

/* An AE-ID-Stem that starts with S is unique in its domain: SP-relative it stands alone (TS-0001 7.1.3, table 7.2-1).
 */
static bool is_domain_wide(const struct identity *id)
{
	return id->stem.len > 0 && id->stem.ptr[0] == 'S';
}

static bool is_alone(const struct identity *id)
{
	return id->cse.ptr && !id->stem.ptr;
}

bool identity_matches(const struct identity *pattern, const struct identity *id)
{
	if (!wildcard_matches(pattern->domain, id->domain))
		return false;
	if (!pattern->cse.ptr)
		return true;
	if (is_alone(pattern) && !is_alone(id))
		return is_domain_wide(id) && wildcard_matches(pattern->cse, id->stem);
	if (!is_alone(pattern) && is_alone(id))
		return is_domain_wide(pattern) && str_eq(pattern->stem, id->cse);
	return wildcard_matches(pattern->cse, id->cse) &&
	       (!pattern->stem.ptr || wildcard_matches(pattern->stem, id->stem));
}
