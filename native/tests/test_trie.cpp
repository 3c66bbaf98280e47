// The trie against its definition; files of it: written and read again, damaged by chance, and forged with a right checksum.
#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <stdexcept>

#include "check.hpp"
#include "errors.hpp"
#include "grammar.hpp"

using namespace guided;

namespace {

const std::string kKey(32, 'k');

TokenBytes some_tokens(unsigned seed, int num) {
    std::mt19937 rng(seed);
    TokenBytes tokens;
    for (int b = 0; b < 256; ++b) tokens.add(std::string(1, static_cast<char>(b)));
    const std::string letters = "ab\"\\{}:,u01\xC3\xA9 ";
    for (int i = 0; i < num; ++i) {
        std::string token;
        for (unsigned n = rng() % 14; n > 0; --n) token.push_back(letters[rng() % letters.size()]);
        tokens.add(token);  // some are empty: control tokens; some are there twice
    }
    tokens.add({});
    return tokens;
}

std::vector<std::int32_t> eos_of(const TokenBytes& tokens) { return {static_cast<std::int32_t>(tokens.size() - 1)}; }

struct Opened {
    std::shared_ptr<std::vector<std::uint64_t>> memory;  // aligned as a mapped file is
    std::shared_ptr<Trie> trie;
};

Opened open(const std::string& file, const std::string& key = kKey) {
    auto memory = std::make_shared<std::vector<std::uint64_t>>(file.size() / 8 + 1);
    std::memcpy(memory->data(), file.data(), file.size());
    const std::string_view view(reinterpret_cast<const char*>(memory->data()), file.size());
    return {memory, std::make_shared<Trie>(view, key, memory, eos_of(some_tokens(1, 400)))};
}

bool is_refused(const std::string& file, const std::string& key = kKey) {
    try {
        open(file, key);
    } catch (const std::invalid_argument&) {
        return true;
    }
    return false;
}

std::vector<std::int32_t> bits(Grammar& g, const StatePtr& state) {
    std::vector<std::int32_t> words(g.trie().num_words());
    g.row(state)->write(words.data(), g.trie().num_words());
    return words;
}

// Masks of strings, keys and text along a few texts: each kind of walk over the trie.
std::vector<std::vector<std::int32_t>> masks_of(const std::shared_ptr<Trie>& trie) {
    std::vector<std::vector<std::int32_t>> out;
    for (int kind = 0; kind < 4; ++kind) {
        Builder b;
        auto& pool = b.machine().pool;
        std::uint32_t root;
        if (kind == 0) root = b.lexeme(pool.cat(pool.literal(U"a"), pool.repeat(pool.set(all_chars()), 0, 9)));
        else if (kind == 1) root = b.lexeme(pool.cat(ExprPool::kAll, pool.literal(U"b")));
        else {
            SchemaNode node;
            if (kind == 3) node.types = kString, node.string = pool.cat(ExprPool::kAll, pool.literal(U"é"));
            b.machine().schemas.nodes.push_back(node);
            b.machine().schemas.nodes.back().is_defined = true;
            root = b.json(static_cast<SchemaId>(b.machine().schemas.nodes.size() - 1), Layout{});
        }
        const auto g = b.compile(root, trie);
        StatePtr state = g->start("");
        for (const char c : std::string(kind < 2 ? "abab" : "{\"a\":[\"b\\u00e")) {
            out.push_back(bits(*g, state));
            const StatePtr next = g->accept_bytes(state, std::string(1, c));
            if (!next) break;
            state = next;
        }
    }
    return out;
}

}  // namespace

TEST(a_trie_is_what_its_tokens_say) {
    for (unsigned seed = 0; seed < 6; ++seed) {
        const TokenBytes tokens = some_tokens(seed, seed == 0 ? 0 : 700);
        Trie trie(tokens, eos_of(tokens));
        std::set<std::string> prefixes{""};
        for (std::uint32_t t = 0; t < tokens.size(); ++t)
            for (std::size_t n = 1; n <= tokens[t].size(); ++n) prefixes.emplace(tokens[t].substr(0, n));
        CHECK(prefixes.size() == trie.num_nodes());
        std::vector<std::string> text(trie.num_nodes());
        std::size_t num_texts = 0, num_occurrences = 0;
        auto prefix = prefixes.begin();
        for (NodeId n = 0; n < trie.num_nodes(); ++n, ++prefix) {
            if (n > 0) text[n] = text[trie.parent(n)] + static_cast<char>(trie.byte(n));
            CHECK(std::equal(text[n].begin(), text[n].end(), prefix->begin(), prefix->end()) && trie.depth(n) == text[n].size());
            std::bitset<256> below;
            std::size_t height = 0;
            for (NodeId m = n + 1; m < trie.end(n); ++m) {
                CHECK(trie.depth(m) > trie.depth(n));
                below[trie.byte(m)] = true;
                height = std::max<std::size_t>(height, trie.depth(m) - trie.depth(n));
            }
            CHECK(trie.end(n) == trie.num_nodes() || trie.depth(trie.end(n)) <= trie.depth(n));
            CHECK(height == trie.height(n) && (n == 0 || !trie.bytes_below(n) || *trie.bytes_below(n) == below));
            for (NodeId child : trie.children(n)) CHECK(trie.parent(child) == n && trie.child(n, trie.byte(child)) == child);
            std::int32_t last = -1;
            for (std::int32_t t : trie.tokens_at(n)) {
                CHECK(trie.bytes_of(t) == text[n] && t > last);
                last = t, ++num_texts;
            }
        }
        for (int b = 0; b < 256; ++b) {
            const auto nodes = trie.nodes_of_byte(static_cast<std::uint8_t>(b));
            num_occurrences += nodes.size();
            CHECK(std::is_sorted(nodes.begin(), nodes.end()));
            for (NodeId n : nodes) CHECK(trie.byte(n) == b);
        }
        CHECK(num_occurrences == trie.num_nodes() - 1);
        for (std::uint32_t t = 0; t < tokens.size(); ++t) num_texts -= !tokens[t].empty();
        CHECK(num_texts == 0);
    }
}

TEST(a_saved_trie_is_the_same_again) {
    const TokenBytes tokens = some_tokens(1, 400);
    const auto built = std::make_shared<Trie>(tokens, eos_of(tokens));
    const std::string file = built->saved(kKey);
    const Opened opened = open(file);
    CHECK(opened.trie->saved(kKey) == file);
    CHECK(masks_of(opened.trie) == masks_of(built));
    CHECK(is_refused(file, std::string(32, 'o')) && is_refused(file, "short") && is_refused("") && is_refused(file + std::string(8, '\0')));
}

TEST(a_damaged_file_is_refused) {
    const TokenBytes tokens = some_tokens(1, 400);
    const std::string file = Trie(tokens, eos_of(tokens)).saved(kKey);
    std::mt19937 rng(5);
    for (int i = 0; i < 300; ++i) {
        std::string other = file;
        if (i % 3 == 0) other.resize(rng() % file.size());
        else other[i % 3 == 1 ? rng() % file.size() : rng() % 128] ^= static_cast<char>(1 << (rng() % 8));
        CHECK(is_refused(other));
    }
}

// Whoever can write the file can make a right checksum too: then masks may be wrong, but nothing reads out of bounds.
TEST(a_forged_file_does_no_harm) {
    const TokenBytes tokens = some_tokens(1, 400);
    const std::string file = Trie(tokens, eos_of(tokens)).saved(kKey);
    std::mt19937 rng(6);
    int num_opened = 0;
    for (int i = 0; i < 1500; ++i) {
        std::string other = file;
        for (unsigned n = 1 + rng() % 3; n > 0; --n) {
            const std::size_t at = rng() % 4 == 0 ? 16 + rng() % 112 : 16 + rng() % (file.size() - 16);
            const unsigned how = rng() % 3;
            if (how == 0) other[at] = static_cast<char>(rng());
            else if (how == 1) other[at] ^= static_cast<char>(1 << (rng() % 8));
            else std::memset(other.data() + at / 4 * 4, static_cast<int>(rng() % 2 ? 0xFF : 0), 4);
        }
        seal(other);
        try {
            const Opened opened = open(other);
            ++num_opened;
            if (opened.trie->num_tokens() == tokens.size()) masks_of(opened.trie);
        } catch (const std::invalid_argument&) {
        } catch (const TooComplex&) {
        }
    }
    CHECK(num_opened > 100);
}

TEST(rows_hold_no_more_memory_than_they_need) {
    TokenBytes tokens = some_tokens(1, 0);
    for (char a = 'a'; a <= 'z'; ++a)
        for (char b = 'a'; b <= 'z'; ++b)
            for (char c = 'a'; c <= 'z'; ++c) tokens.add(std::string{a, b, c});
    const auto trie = std::make_shared<Trie>(tokens, std::vector<std::int32_t>{});
    Builder b;
    auto& pool = b.machine().pool;
    SchemaNode node;
    node.types = kString, node.string = pool.repeat(pool.cat(pool.set({{'a', 'y'}}), pool.set({{'a', 'z'}})), 1, kUnbounded);
    b.machine().schemas.nodes.push_back(node);
    b.machine().schemas.nodes.back().is_defined = true;
    const auto g = b.compile(b.json(static_cast<SchemaId>(b.machine().schemas.nodes.size() - 1), Layout{}), trie);
    const StatePtr inside = g->accept_bytes(g->start(""), "\"");
    CHECK(g->row(inside)->count > 10'000);
    CHECK(trie->num_rows() == 1 && trie->num_row_bytes() < 2 * 4 * trie->num_words());  // most in bits, few in lists
}
