#include <string>

#include "check.hpp"
#include "errors.hpp"
#include "lexer.hpp"

using namespace guided;

namespace {

struct Fixture {
    Limits limits;
    ExprPool pool{limits};
    ExprId one(char32_t c) { return pool.one(c); }
    ExprId range(char32_t a, char32_t b) { return pool.set({{a, b}}); }
    bool matches(ExprId e, const std::u32string& text) {
        for (char32_t c : text) e = pool.derive(e, c);
        return pool.nullable(e);
    }
};

}  // namespace

TEST(equal_expressions_have_equal_ids) {
    Fixture f;
    CHECK(f.pool.alt({f.one('a'), f.one('b')}) == f.range('a', 'b'));
    CHECK(f.pool.cat(f.pool.cat(f.one('a'), f.one('b')), f.one('c')) == f.pool.literal(U"abc"));
    CHECK(f.pool.repeat(f.pool.set(all_chars()), 0, kUnbounded) == ExprPool::kAll);
    CHECK(f.pool.negate(f.pool.negate(f.one('a'))) == f.one('a'));
    CHECK(f.pool.both({f.range('a', 'm'), f.range('h', 'z')}) == f.range('h', 'm'));
}

TEST(counted_repeats_are_not_copied) {
    Fixture f;
    const std::size_t before = f.pool.size();
    const ExprId e = f.pool.repeat(f.range('a', 'z'), 3, 100'000);
    CHECK(f.pool.size() - before <= 2);
    CHECK(!f.matches(e, U"ab"));
    CHECK(f.matches(e, U"abc"));
}

TEST(complement_and_intersection_decide_emptiness) {
    Fixture f;
    const ExprId ab = f.pool.repeat(f.pool.literal(U"ab"), 1, kUnbounded);
    CHECK(!f.pool.nonempty(f.pool.both({ab, f.pool.negate(ab)})));
    const ExprId even = f.pool.repeat(f.pool.literal(U"aa"), 0, kUnbounded);
    const ExprId threes = f.pool.repeat(f.pool.literal(U"aaa"), 1, kUnbounded);
    const ExprId both = f.pool.both({even, threes});
    CHECK(f.pool.nonempty(both));
    CHECK(f.matches(both, U"aaaaaa"));
    CHECK(!f.matches(both, U"aaa"));
}

TEST(words_share_prefixes_and_suffixes) {
    Fixture f;
    std::vector<std::u32string> words;
    for (int i = 0; i < 50'000; ++i) {
        const std::string digits = "word" + std::to_string(i) + "end";
        words.emplace_back(digits.begin(), digits.end());
    }
    const ExprId e = f.pool.words(words);
    CHECK(f.pool.size() < 2000);
    CHECK(f.matches(e, U"word49999end"));
    CHECK(!f.matches(e, U"word50000end"));
    CHECK(f.matches(f.pool.words({U"", U"a"}), U""));
}

TEST(an_automaton_is_an_expression) {
    Fixture f;
    Automaton thirds;  // decimal numbers that 3 divides
    thirds.states.resize(4);
    thirds.accepting = {false, true, false, false};
    for (std::uint32_t s = 0; s < 4; ++s)
        for (std::uint32_t d = 0; d < 10; ++d) thirds.states[s].push_back({{{'0' + d, '0' + d}}, 1 + ((s ? s - 1 : 0) * 10 + d) % 3});
    const ExprId e = f.pool.automaton(thirds);
    CHECK(e == f.pool.automaton(thirds));
    CHECK(f.matches(e, U"123456"));
    CHECK(!f.matches(e, U"1234"));
    CHECK(!f.matches(e, U""));
    CHECK(f.matches(f.pool.both({e, f.pool.negate(f.pool.literal(U"3"))}), U"6"));
    Automaton dead;
    dead.states = {{{{{'a', 'a'}}, 1}}, {}};
    dead.accepting = {false, false};
    CHECK(f.pool.automaton(dead) == ExprPool::kEmpty);
}

TEST(deep_nesting_is_refused_with_a_type) {
    Fixture f;
    ExprId e = f.one('a');
    bool refused = false;
    try {
        for (int i = 0; i < 10'000; ++i) e = f.pool.repeat(f.pool.cat(e, f.one('b')), 0, kUnbounded), e = f.pool.cat(e, f.one('c'));
    } catch (const TooComplex&) {
        refused = true;
    }
    CHECK(refused);
}

TEST(content_hashes_do_not_depend_on_the_pool) {
    Fixture f, g;
    g.pool.literal(U"something else first");
    auto make = [](Fixture& x) {
        return x.pool.alt({x.pool.literal(U"yes"), x.pool.negate(x.pool.literal(U"no")), x.pool.repeat(x.range('0', '9'), 2, 7)});
    };
    CHECK(f.pool.content_hash(make(f)) == g.pool.content_hash(make(g)));
    CHECK(!(f.pool.content_hash(f.one('a')) == f.pool.content_hash(f.one('b'))));
}

TEST(a_json_string_is_read_by_value_in_every_spelling) {
    Fixture f;
    Lexer lexer(f.pool, f.limits);
    const auto start = static_cast<LexId>(lexer.start({{0, f.pool.literal(U"\u00e9\U0001F600/\n")}}, Spelling::JsonAny));
    auto ends = [&](const std::string& bytes) {
        std::int32_t s = static_cast<std::int32_t>(start);
        for (char c : bytes) {
            s = lexer.next(static_cast<LexId>(s), static_cast<std::uint8_t>(c));
            if (s < 0) return s == Lexer::kEnd;
        }
        return false;
    };
    CHECK(ends("\xC3\xA9\xF0\x9F\x98\x80/\\n\""));
    CHECK(ends("\\u00E9\\ud83d\\ude00\\/\\u000a\""));
    CHECK(!ends("\\u00e8"));
    CHECK(!ends("\\ud83d\\ude00"));
    CHECK(!ends("\xC3\xA9\xF0\x9F\x98\x80/\n\""));
    CHECK(lexer.shortest(start) == "\xC3\xA9\xF0\x9F\x98\x80/\\n");
}

TEST(text_is_valid_utf8_only) {
    Fixture f;
    Lexer lexer(f.pool, f.limits);
    const auto start = static_cast<LexId>(lexer.start({{0, ExprPool::kAll}}, Spelling::Text));
    auto alive = [&](const std::string& bytes) {
        std::int32_t s = static_cast<std::int32_t>(start);
        for (char c : bytes)
            if ((s = lexer.next(static_cast<LexId>(s), static_cast<std::uint8_t>(c))) < 0) return false;
        return true;
    };
    CHECK(alive("\xF4\x8F\xBF\xBF"));
    CHECK(!alive("\xF4\x90"));
    CHECK(!alive("\xC0"));
    CHECK(!alive("\xE0\x80"));
    CHECK(!alive("\xED\xA0"));
}

TEST(expressions_move_between_pools) {
    Fixture f, g;
    g.pool.literal(U"other ids");
    const ExprId word = f.pool.words({U"ab", U"abc", U"b"});
    const ExprId digits = f.pool.repeat(f.range('0', '9'), 2, 500);
    const ExprId table = f.pool.automaton({{{{{{'x', 'x'}}, 1}}, {{{{'y', 'y'}}, 0}}}, {true, false}});
    const ExprId not_all = f.pool.both({f.pool.negate(f.pool.cat(f.one('a'), ExprPool::kAll)), f.pool.alt({word, digits, table})});
    for (ExprId e : {ExprId{ExprPool::kEmpty}, ExprId{ExprPool::kEpsilon}, ExprId{ExprPool::kAll}, word, digits, table, not_all}) {
        const ExprId moved = g.pool.insert(f.pool.exported(e));
        CHECK(g.pool.content_hash(moved) == f.pool.content_hash(e));
        CHECK(g.pool.insert(f.pool.exported(e)) == moved);
        for (const char32_t* text : {U"", U"ab", U"abc", U"b", U"12", U"1", U"xy", U"xyx", U"a"})
            CHECK(g.matches(moved, text) == f.matches(e, text));
    }
    CHECK(g.pool.insert(f.pool.exported(ExprPool::kAll)) == ExprPool::kAll);
}

TEST(a_tabulated_expression_matches_the_same) {
    Fixture f;
    const ExprId even = f.pool.repeat(f.pool.literal(U"aa"), 0, kUnbounded);
    const ExprId e = f.pool.both({f.pool.negate(even), f.pool.repeat(f.range('a', 'b'), 0, 9)});
    const ExprId table = f.pool.tabulated(e, 100);
    CHECK(table != e);
    CHECK(f.pool.least(table) == 1);
    for (const char32_t* text : {U"", U"a", U"aa", U"aaa", U"b", U"ab", U"aaaaaaaaa", U"aaaaaaaaab", U"c"})
        CHECK(f.matches(table, text) == f.matches(e, text));
    CHECK(f.pool.tabulated(e, 3) == e);
    CHECK(f.pool.tabulated(ExprPool::kEmpty, 3) == ExprPool::kEmpty);
}
