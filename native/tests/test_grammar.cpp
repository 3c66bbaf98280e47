// Exactness of masks, liveness and shortest ways, on walks through small grammars.
#include <algorithm>

#include "check.hpp"
#include "errors.hpp"
#include "grammar.hpp"
#include "walk.hpp"

using namespace guided;

namespace {

std::shared_ptr<Trie> vocabulary() {
    std::vector<std::optional<std::string>> tokens;
    for (int b = 0; b < 256; ++b) tokens.push_back(std::string(1, static_cast<char>(b)));
    for (const char* t : {"\":", "\", \"", "\": \"", "{\"", "\"}", "},{\"", "\"a\":\"b\",\"a\":", "a\":1,\"a\":", "\",\"", "ab", "12", "[[", "]]",
                          "[]", "\xC3\xA9\"", "\\u00", "  ", " \"", "true"})
        tokens.push_back(std::string(t));
    tokens.push_back(std::nullopt);
    const auto eos = static_cast<std::int32_t>(tokens.size() - 1);
    return std::make_shared<Trie>(std::move(tokens), std::vector{eos});
}

SchemaId define(Builder& b, const SchemaNode& node) {
    b.machine().schemas.nodes.push_back(node);
    b.machine().schemas.nodes.back().is_defined = true;
    return static_cast<SchemaId>(b.machine().schemas.nodes.size() - 1);
}

}  // namespace

TEST(masks_of_a_recursive_schema_are_exact) {
    for (bool any_order : {false, true})
        for (bool flexible : {false, true}) {
            Builder b;
            auto& schemas = b.machine().schemas;
            SchemaNode text;
            text.types = kString;
            text.string = b.machine().pool.repeat(b.machine().pool.set(all_chars()), 0, 3);
            const SchemaId s = define(b, text);
            SchemaNode tree;
            tree.types = kObject | kNull;
            const SchemaId self = static_cast<SchemaId>(schemas.nodes.size());
            tree.properties = {{schemas.intern_key(U"a"), 2 * s}, {schemas.intern_key(U"ab"), 2 * self}};
            tree.required = {schemas.intern_key(U"ab"), schemas.intern_key(U"z")};
            tree.max_properties = 4;
            const SchemaId root = define(b, tree);
            Layout layout;
            layout.is_any_order = any_order, layout.is_flexible = flexible;
            auto g = b.compile(b.json(root, layout), vocabulary());
            walk(*g, 7);
        }
}

TEST(masks_of_text_around_json_are_exact) {
    Builder b;
    SchemaNode any;
    const SchemaId s = define(b, any);
    const auto json = b.json(s, Layout{});
    const auto free = b.lexeme(ExprPool::kAll);
    auto g = b.compile(b.sequence({b.raw("x\xff"), b.repetition(json, 1, 3, b.raw("; ")), b.choice({b.raw("\n"), free})}), vocabulary());
    walk(*g, 3);
}

TEST(a_prefix_must_come_first) {
    Builder b;
    auto g = b.compile(b.raw("abc"), vocabulary());
    const StatePtr state = g->start("1\xff");
    CHECK(g->forced(state) == "1\xff" "abc");
    CHECK(g->shortest(state) == "1\xff" "abc");
    CHECK(!g->accept_bytes(state, "abc"));
}

TEST(a_goal_that_needs_itself_is_empty) {
    Builder b;
    SchemaNode loop;
    loop.types = kObject;
    loop.properties = {{b.machine().schemas.intern_key(U"again"), 2}};  // node 1: itself
    loop.required = {b.machine().schemas.intern_key(U"again")};
    const SchemaId root = define(b, loop);
    bool refused = false;
    try {
        b.compile(b.json(root, Layout{}), vocabulary());
    } catch (const Unsatisfiable&) {
        refused = true;
    }
    CHECK(refused);
}

TEST(rounds_that_read_nothing_end) {
    Builder b;
    SchemaNode any;
    const auto json = b.json(define(b, any), Layout{});
    auto g = b.compile(b.repetition(b.choice({json, b.raw("")}), 2, kUnbounded, kNone), vocabulary());
    const StatePtr state = g->start("");
    CHECK(g->is_accepting(state));
    CHECK(g->accept_bytes(state, "1[]{}") != nullptr);
}

TEST(an_error_in_a_mask_leaves_the_grammar_usable) {
    Builder b;
    auto& schemas = b.machine().schemas;
    SchemaNode hard;  // more alternatives than are looked at: 2^13
    for (int i = 0; i < 13; ++i) {
        SchemaNode x, y;
        x.required = {schemas.intern_key(std::u32string(1, static_cast<char32_t>(U'a' + i)))};
        y.required = {schemas.intern_key(std::u32string(2, static_cast<char32_t>(U'a' + i)))};
        const Lit first = 2 * define(b, x), second = 2 * define(b, y);
        hard.any_of.push_back({first, second});
    }
    SchemaNode outer;
    outer.types = kObject;
    outer.properties = {{schemas.intern_key(U"easy"), kTrueLit}, {schemas.intern_key(U"hard"), 2 * define(b, hard)}};
    SchemaNode root;
    root.types = kObject;
    root.properties = {{schemas.intern_key(U"o"), 2 * define(b, outer)}};
    auto g = b.compile(b.json(define(b, root), Layout{}, true), vocabulary());
    const StatePtr before = g->accept_bytes(g->start(""), "{\"o\":");
    for (int round = 0; round < 3; ++round) {
        bool refused = false;
        try {
            g->row(before);
        } catch (const TooComplex&) {
            refused = true;
        }
        CHECK(refused);
        CHECK(g->row(g->start(""))->count > 0);
    }
}
