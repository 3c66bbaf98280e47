// Rules in the machine: left recursion, empty parts, many readings; masks against the machine itself, on walks.
#include "check.hpp"
#include "errors.hpp"
#include "grammar.hpp"
#include "walk.hpp"

using namespace guided;

namespace {

std::shared_ptr<Trie> letters() {
    std::vector<std::optional<std::string>> tokens;
    for (int b = 0; b < 256; ++b) tokens.push_back(std::string(1, static_cast<char>(b)));
    for (const char* t : {"aa", "aaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ab", "ba", "+1", "1+", "((", "))", ")+", "1)", "xb", "bb"}) tokens.push_back(std::string(t));
    tokens.push_back(std::nullopt);
    const auto eos = static_cast<std::int32_t>(tokens.size() - 1);
    return std::make_shared<Trie>(std::move(tokens), std::vector{eos});
}

struct Rulebook {
    Builder b;

    std::uint32_t text(const std::u32string& t) { return b.lexeme(b.machine().pool.literal(t)); }
    std::shared_ptr<Grammar> compile(std::uint32_t root) { return b.compile(root, letters()); }
};

bool fits(Grammar& g, const std::string& text) {
    const StatePtr s = g.accept_bytes(g.start(""), text);
    return s && g.is_accepting(s);
}

}  // namespace

TEST(left_recursion_is_a_table) {
    Rulebook r;
    const auto sum = r.b.rule(), atom = r.b.rule();
    r.b.define_rule(sum, {{sum, r.text(U"+"), atom}, {atom}});
    r.b.define_rule(atom, {{r.text(U"("), sum, r.text(U")")}, {r.text(U"1")}});
    const auto g = r.compile(sum);
    CHECK(fits(*g, "1+(1+1)+1") && !fits(*g, "1+") && !fits(*g, "(1"));
    StatePtr once = g->accept_bytes(g->start(""), "1+1"), often = once;
    for (int i = 0; i < 100; ++i) often = g->accept_bytes(often, "+1");
    CHECK(once == often);
    walk(*g, 11);
}

TEST(left_recursion_hides_behind_what_may_be_empty) {
    Rulebook r;
    const auto a = r.b.rule(), b = r.b.rule(), n = r.b.rule();
    r.b.define_rule(a, {{n, b, r.text(U"x")}, {r.text(U"a")}});
    r.b.define_rule(b, {{n, n, a, r.text(U"b")}, {a}});
    r.b.define_rule(n, {{r.text(U"1")}, {}, {n, n}});
    const auto g = r.compile(a);
    CHECK(fits(*g, "a") && fits(*g, "ax") && fits(*g, "abx") && fits(*g, "11abxx") && !fits(*g, "ab") && !fits(*g, "1a"));
    walk(*g, 11);
}

TEST(readings_share_their_stacks) {
    Rulebook r;
    const auto s = r.b.rule();
    r.b.define_rule(s, {{r.text(U"a"), s, r.text(U"b")}, {r.text(U"a"), s, r.text(U"+")}, {r.text(U"a"), s}, {r.text(U"x")}});
    const auto g = r.compile(s);
    CHECK(fits(*g, std::string(300, 'a') + "xb+" + std::string(20, 'b')));
    CHECK(!fits(*g, "axbb"));
    walk(*g, 11);
}

TEST(repetitions_of_rules_count) {
    Rulebook r;
    const auto s = r.b.rule();
    r.b.define_rule(s, {{r.b.repetition(s, 2, 3, kNone), r.text(U"b")}, {r.text(U"a")}});
    const auto g = r.compile(s);
    CHECK(fits(*g, "a") && fits(*g, "aab") && fits(*g, "aaab") && fits(*g, "aabab") && !fits(*g, "ab") && !fits(*g, "aaaab"));
    walk(*g, 11);
    Rulebook q;
    const auto t = q.b.rule(), few = q.b.rule();
    q.b.define_rule(t, {{q.b.repetition(few, 2, kUnbounded, kNone), q.text(U"+")}});
    q.b.define_rule(few, {{q.text(U"("), few, q.text(U")")}, {}});
    const auto h = q.compile(t);
    CHECK(fits(*h, "+") && fits(*h, "()+") && fits(*h, "()(())()+") && !fits(*h, "(+"));
    walk(*h, 11);
}

TEST(a_rule_without_texts_is_unsatisfiable) {
    Rulebook r;
    const auto s = r.b.rule(), t = r.b.rule();
    r.b.define_rule(s, {{t, r.text(U"a")}});
    r.b.define_rule(t, {{s}, {r.text(U"b"), t}});
    bool is_refused = false;
    try {
        r.compile(s);
    } catch (const Unsatisfiable&) {
        is_refused = true;
    }
    CHECK(is_refused);
}

TEST(texts_without_empty_ones) {
    const Limits limits;
    ExprPool pool(limits);
    const ExprId a = pool.set({{'a', 'a'}}), b = pool.set({{'b', 'b'}}), star = pool.repeat(a, 0, kUnbounded), some = pool.repeat(b, 0, 3);
    for (ExprId e : {star, some, pool.cat(star, some), pool.cat({some, star, some}), pool.alt({star, b}), pool.repeat(pool.cat(star, some), 2, 5),
                     pool.both({star, pool.repeat(a, 0, 2)}), pool.negate(a), ExprPool::kAll}) {
        const ExprId rest = pool.without_empty(e);
        CHECK(pool.nullable(e) && !pool.nullable(rest));
        const ExprId both = pool.alt({rest, ExprPool::kEpsilon});
        const ExprId apart = pool.alt({pool.both({e, pool.negate(both)}), pool.both({both, pool.negate(e)})});
        CHECK(!pool.nonempty(apart));
    }
    CHECK(pool.without_empty(ExprPool::kEpsilon) == ExprPool::kEmpty && pool.without_empty(a) == a);
}
