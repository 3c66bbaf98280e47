// A loop over the byte-level API: random expressions, schemas and grammar nodes, straight into the builder, then random
// use of their states. `guided_native_fuzz SECONDS SEED [FIRST ROUND]`; the sanitizers and these checks are the oracles. See README.md.
#include <ctime>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "errors.hpp"
#include "grammar.hpp"

using namespace guided;

namespace {

#define EXPECT(condition)                                                                               \
    do {                                                                                                \
        if (!(condition)) {                                                                             \
            std::printf("round %u: %s:%d: %s does not hold\n", round_now, __FILE__, __LINE__, #condition); \
            std::exit(1);                                                                               \
        }                                                                                               \
    } while (0)

unsigned round_now = 0;

std::shared_ptr<Trie> vocabulary() {
    std::vector<std::optional<std::string>> tokens;
    for (int b = 0; b < 256; ++b) tokens.push_back(std::string(1, static_cast<char>(b)));
    for (const char* t : {"\":", "\",\"", "{\"", "\"}", "},{", "\"a\":\"b\",\"a\":", "ab", "12", "[[", "]]", "[]", "1,1", "\xC3\xA9\"", "\\u00", "  "})
        tokens.push_back(std::string(t));
    tokens.push_back(std::nullopt);
    const auto eos = static_cast<std::int32_t>(tokens.size() - 1);
    return std::make_shared<Trie>(std::move(tokens), std::vector{eos});
}

Limits small_limits() {
    Limits limits;
    limits.max_expressions = 50'000, limits.max_states = 20'000;
    return limits;
}

class Round {
   public:
    Round(std::mt19937& rng, std::shared_ptr<Trie> trie) : rng_(rng), trie_(std::move(trie)), b_(small_limits()) {}

    bool run() {  // false: refused with a typed error
        try {
            grammar_ = b_.compile(node(2), trie_);
            for (int walk = 0; walk < 4; ++walk) use();
        } catch (const TooComplex&) {
            return false;
        } catch (const Unsatisfiable&) {
            return false;
        } catch (const Unsupported&) {
            return false;
        }
        return true;
    }

   private:
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(rng_() % n); }
    bool chance(std::uint32_t percent) { return below(100) < percent; }
    ExprPool& pool() { return b_.machine().pool; }
    Schemas& schemas() { return b_.machine().schemas; }

    std::u32string text() {
        static const std::u32string letters = U"abé\"\\\n\U0001F600 1";
        std::u32string out;
        for (std::uint32_t n = below(4); n > 0; --n) out.push_back(letters[below(static_cast<std::uint32_t>(letters.size()))]);
        return out;
    }

    ExprId expr(int depth) {
        switch (depth <= 0 ? below(3) : below(9)) {
            case 0: return pool().literal(text());
            case 1: return pool().set(normalized({{'a', 'a' + below(3)}, {0xE9, 0xE9 + below(0x2000)}}));
            case 2: return chance(50) ? pool().set(all_chars()) : ExprPool::kAll;
            case 3: return pool().cat(expr(depth - 1), expr(depth - 1));
            case 4: return pool().alt({expr(depth - 1), expr(depth - 1)});
            case 5: return pool().both({expr(depth - 1), expr(depth - 1)});
            case 6: return pool().negate(expr(depth - 1));
            default: {
                const std::uint32_t min = below(4);
                return pool().repeat(expr(depth - 1), min, chance(40) ? kUnbounded : min + below(200));
            }
        }
    }

    Lit any_lit(std::uint32_t num) { return 2 * below(num) + (chance(15) ? 1 : 0); }
    std::vector<Lit> lits(std::uint32_t num) {
        std::vector<Lit> out;
        for (std::uint32_t n = 1 + below(3); n > 0; --n) out.push_back(any_lit(num));
        return out;
    }

    // `before`: nodes that may be applied to the same value, `all`: nodes that parts of it may have.
    SchemaNode schema(std::uint32_t before, std::uint32_t all) {
        SchemaNode n;
        n.is_defined = true;
        n.types = chance(60) ? 1u << below(7) : below(128);
        if (chance(40)) n.string = expr(2);
        if (chance(20)) n.number = pool().literal(U"12"), n.number_not = pool().literal(U"13");
        for (std::uint32_t i = below(4); i > 0; --i) {
            const KeyId key = schemas().intern_key(text());
            bool is_new = true;
            for (const auto& [known, _] : n.properties) is_new &= known != key;
            if (is_new) n.properties.push_back({key, any_lit(all)});
        }
        if (chance(15)) n.pattern_properties.push_back({expr(1), any_lit(all)});
        if (chance(25)) n.additional = chance(50) ? kFalseLit : any_lit(all);
        if (chance(10)) n.property_names = any_lit(all);
        if (chance(30)) n.required.push_back(schemas().intern_key(text()));
        if (chance(20)) n.min_properties = below(4);
        if (chance(20)) n.max_properties = below(4);
        if (chance(20)) n.prefix = lits(all);
        if (chance(30)) n.items = any_lit(all);
        if (chance(20)) n.min_items = below(4);
        if (chance(20)) n.max_items = below(5);
        if (chance(15)) n.some_items.push_back({0, any_lit(all), 1 + below(2), chance(50) ? kUnbounded : 2});
        n.unique_items = chance(15);
        if (chance(15)) n.all_of = lits(before);
        if (chance(20)) n.any_of.push_back(lits(before));
        if (chance(15)) n.one_of.push_back(lits(before));
        if (chance(8)) n.unevaluated_properties = any_lit(all);
        if (chance(8)) n.unevaluated_items = any_lit(all);
        return n;
    }

    SchemaId schemas_of(std::uint32_t count) {
        auto& nodes = schemas().nodes;
        const auto first = static_cast<std::uint32_t>(nodes.size());
        for (std::uint32_t i = 0; i < count; ++i) nodes.emplace_back();
        for (std::uint32_t i = first; i < first + count; ++i) nodes[i] = schema(i, first + count);
        return first + count - 1;
    }

    std::uint32_t json() {
        Layout layout;
        layout.is_any_order = chance(50), layout.is_flexible = chance(60);
        if (!layout.is_flexible && chance(40)) layout.indent = below(3);
        return b_.json(schemas_of(1 + below(5)), layout);
    }

    std::uint32_t node(int depth) {
        if (depth <= 0) return chance(60) ? json() : b_.lexeme(expr(3));
        switch (below(7)) {
            case 0: return b_.raw(chance(50) ? "x\xff" : "a");
            case 1: return b_.sequence({node(depth - 1), node(depth - 1)});
            case 2: return b_.choice({node(depth - 1), node(depth - 1)});
            case 3: {
                const std::uint32_t min = below(3), part = node(depth - 1);
                return b_.repetition(part, min, chance(50) ? kUnbounded : min + below(3), chance(50) ? b_.raw(", ") : kNone);
            }
            case 4: return b_.lexeme(expr(3));
            default: return json();
        }
    }

    void use() {
        StatePtr state = grammar_->start(chance(10) ? "x\xC3" : "");
        for (int i = 0; i < 25 && !state->is_ended; ++i) {
            std::vector<std::int32_t> words(trie_->num_words()), allowed;
            grammar_->row(state)->write(words.data(), trie_->num_words());
            for (std::int32_t t = 0; t < static_cast<std::int32_t>(trie_->num_tokens()); ++t) {
                const bool bit = (static_cast<std::uint32_t>(words[static_cast<std::size_t>(t >> 5)]) >> (t & 31)) & 1;
                if (bit) allowed.push_back(t);
                if (bit || chance(10)) EXPECT(bit == (grammar_->accept_token(state, t) != nullptr));
            }
            EXPECT(!allowed.empty());
            const StatePtr done = grammar_->accept_bytes(state, grammar_->shortest(state));
            EXPECT(done && grammar_->is_accepting(done));
            EXPECT(grammar_->accept_bytes(state, grammar_->forced(state)) != nullptr);
            const std::int32_t next = allowed[below(static_cast<std::uint32_t>(allowed.size()))];
            const StatePtr to = grammar_->accept_token(state, next);
            if (const std::string bytes(trie_->bytes_of(next)); !bytes.empty()) EXPECT(grammar_->accept_bytes(state, bytes) == to);
            state = to;
        }
    }

    std::mt19937& rng_;
    std::shared_ptr<Trie> trie_;
    Builder b_;
    std::shared_ptr<Grammar> grammar_;
};

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
    const unsigned seed = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1;
    const auto trie = vocabulary();
    unsigned compiled = 0;
    if (argc > 3) round_now = static_cast<unsigned>(std::atoi(argv[3]));
    for (const std::clock_t began = std::clock(); std::clock() - began < seconds * CLOCKS_PER_SEC; ++round_now) {
        std::mt19937 rng(seed * 1'000'003u + round_now);
        compiled += Round(rng, trie).run();
    }
    std::printf("%u rounds, %u compiled, seed %u: nothing found\n", round_now, compiled, seed);
    return compiled == 0;
}
