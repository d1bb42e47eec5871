/* fake_core: what a binding needs of core, without resources: it answers every request with what it got, as JSON.
 * The first segment of To steers the answer:
 *
 *   wait/MS      answers after MS milliseconds        size/N       content of N bytes
 *   rsc/CODE     refuses with CODE                    empty        2000 without content
 *   etag/TAG     with an entity tag                   partial/N    incomplete, continued at N
 *   location/TO  2001, with TO as the new address     precondition If-Match did not hold
 *   back         with the content that came, once decoded (but for JSON), as the content
 *   busy         makes request_create fail from now on (until fake_core_begin)  */
#ifndef TESTS_HTTP_FAKE_CORE_H
#define TESTS_HTTP_FAKE_CORE_H

#include "cse/core/binding.h"

struct cse *fake_core_create(struct loop *loop, struct log *log, const struct schema *schema);
/* As if started anew; numbers in To that are larger than `most` are taken for it. */
void fake_core_begin(struct cse *cse, uint64_t most);
/* Every request was answered and released. */
bool fake_core_is_idle(const struct cse *cse);
void fake_core_destroy(struct cse *cse);

#endif
