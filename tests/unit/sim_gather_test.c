/* The gather over a disk that is slow and fails: each message comes back whole, or it is said that
 * it cannot be kept; and nothing is left of those that were given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/caps.h"
#include "io/gather.h"
#include "sim/sim_disk.h"

struct stage {
    struct sim *sim;
    struct gather_place *place;
    struct gather *g;
    uint64_t size, put;
    bool ended;
    int failed, whole;
    enum err_kind kind;
};

static void feed(struct stage *s)
{
    static char text[100000];
    while (s->g && s->put < s->size) {
        size_t n = s->size - s->put < sizeof text ? (size_t)(s->size - s->put) : sizeof text;
        for (size_t i = 0; i < n; i++)
            text[i] = (char)((s->put + i) * 7 + (s->put + i) / 251);
        size_t taken = gather_put(s->g, slice_make(text, n));
        s->put += taken;
        if (taken < n)
            return;
    }
    if (s->g && !s->ended)
        gather_end(s->g);
    s->ended = true;
}

static void on_low(void *ctx)
{
    feed(ctx);
}

static void on_failed(void *ctx, const struct err *err)
{
    struct stage *s = ctx;
    s->failed++;
    s->kind = err->kind;
    feed(s);
}

static void on_whole(void *ctx)
{
    ((struct stage *)ctx)->whole++;
}

static const struct gather_events events = {on_low, on_failed, on_whole};

static void begin(struct stage *s, uint64_t seed, uint64_t size)
{
    memset(s, 0, sizeof *s);
    s->sim = sim_new(seed);
    s->size = size;
    struct disk *disk = disk_new(sim_loop(s->sim));
    struct disk_directory *dir;
    struct err err;
    assert_int_equal(disk_directory_open(disk, "kept", true, &dir, &err), 0);
    disk_directory_close(&dir);
    disk_free(&disk);
    s->place = gather_place_new(sim_loop(s->sim), "kept");
    s->g = gather_new(sim_loop(s->sim), s->place, &events, s);
}

static void end(struct stage *s)
{
    gather_free(&s->g);
    gather_place_unref(&s->place);
    sim_run_for(s->sim, 10 * USEC_PER_SEC);
    assert_int_equal(sim_disk_count(s->sim, "kept"), 0);
    sim_free(&s->sim);
}

static bool is_intact(struct stage *s)
{
    struct octets o = gather_octets(s->g);
    char *text = malloc((size_t)o.size + 1);
    bool intact = o.size == s->size && o.read(o.ctx, 0, text, (size_t)o.size);
    for (uint64_t i = 0; intact && i < o.size; i++)
        intact = text[i] == (char)(i * 7 + i / 251);
    free(text);
    return intact;
}

static void whole_or_said_under_faults(void **state)
{
    unsigned failures = 0, successes = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct stage s;
        begin(&s, seed, 900000 + seed * 100000);
        sim_disk_faults(s.sim)->writes = seed % 3 == 0 ? 60 : 0;
        sim_disk_faults(s.sim)->slowest = seed % 2 ? 0 : USEC_PER_SEC;
        feed(&s);
        sim_run_for(s.sim, 600 * USEC_PER_SEC);
        assert_int_equal(s.failed + s.whole, 1);
        if (s.whole)
            assert_true(is_intact(&s));
        failures += (unsigned)s.failed;
        successes += (unsigned)s.whole;
        end(&s);
    }
    assert_true(failures > 3 && successes > 30);
}

static void a_full_disk_is_full(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, 1, 3000000);
    sim_disk_faults(s.sim)->full = true;
    feed(&s);
    sim_run_for(s.sim, 10 * USEC_PER_SEC);
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.kind, ERR_FULL);
    end(&s);
}

/* At any moment, and then nothing is heard. */
static void given_up_at_any_moment(void **state)
{
    (void)state;
    for (usec when = 0; when < 3000; when += 100) {
        struct stage s;
        begin(&s, (uint64_t)when + 1, 5000000);
        feed(&s);
        sim_run_for(s.sim, when);
        gather_free(&s.g);
        gather_place_unref(&s.place);
        int before = s.failed + s.whole;
        sim_run_for(s.sim, 10 * USEC_PER_SEC);
        assert_int_equal(s.failed + s.whole, before);
        end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_or_said_under_faults),
        cmocka_unit_test(a_full_disk_is_full),
        cmocka_unit_test(given_up_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
