#include "tables.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace guided {

namespace {

constexpr char kMagic[8] = {'g', 'u', 'i', 'd', 'e', 'd', 'v', 't'};

struct FreeCounts {
    std::uint32_t quotes, texts, levels;
};

struct Header {
    char magic[8];
    std::uint64_t checksum;  // of all that follows
    std::uint32_t format, header_bytes;
    char key[32];
    std::uint32_t tokens, bytes, texts, nodes, byte_sets;
    FreeCounts free[3];
    std::uint32_t padding[2];
};
static_assert(sizeof(Header) % 8 == 0 && sizeof(ByteSet) == 32 && std::is_trivially_copyable_v<ByteSet>);
constexpr bool kIsLittle = std::endian::native == std::endian::little;  // files are; other machines build

[[noreturn]] void refuse(const char* reason) { throw std::invalid_argument(reason); }
void expect(bool condition, const char* reason) {
    if (!condition) refuse(reason);
}

template <class F>
void each_array(const Header& h, Tables& t, F f) {
    const std::size_t nodes = h.nodes;
    f(t.starts, h.tokens + 1ull), f(t.bytes, h.bytes), f(t.ids, h.texts);
    f(t.nodes, nodes + 1), f(t.byte, nodes), f(t.depth, nodes), f(t.height, nodes), f(t.parent, nodes);
    f(t.child_bytes, nodes - 1), f(t.child_nodes, nodes - 1);
    f(t.occurrences, nodes - 1), f(t.occurrences_of, 257), f(t.byte_sets_of, nodes), f(t.byte_sets, h.byte_sets);
}

template <class F>
void each_array(const Header& h, const FreeCounts& c, FreeTables& t, F f) {
    f(t.chars, h.nodes), f(t.is_whole, h.nodes), f(t.quotes, c.quotes), f(t.by_chars, c.texts), f(t.num_up_to, c.levels);
}

template <class F>
void each_array(const Header& h, Tables& tables, AllFreeTables& free, F f) {
    each_array(h, tables, f);
    for (std::size_t s = 0; s < free.size(); ++s) each_array(h, h.free[s], free[s], f);
}

std::size_t padded(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

// 64 bits of all words, in four lanes; a step is one to one in the word and in the lane, so no single change goes unnoticed.
std::uint64_t checksum(std::string_view data) {
    constexpr std::uint64_t kA = 0x9E3779B97F4A7C15, kB = 0xD6E8FEB86659FD93;
    std::uint64_t lanes[4] = {kA, kB, kA ^ data.size(), kB ^ 1};
    auto step = [](std::uint64_t lane, std::uint64_t word) { return std::rotl(lane + word * kB, 31) * kA; };
    for (; data.size() >= 32; data.remove_prefix(32)) {
        std::uint64_t words[4];
        std::memcpy(words, data.data(), 32);
        for (int i = 0; i < 4; ++i) lanes[i] = step(lanes[i], words[i]);
    }
    std::uint64_t words[4] = {};
    std::memcpy(words, data.data(), data.size());
    std::uint64_t sum = 0;
    for (int i = 0; i < 4; ++i) sum = step(sum, step(lanes[i], words[i]));
    return sum ^ (sum >> 29);
}

// The loops below end late on purpose: without branches they take a millisecond for a large vocabulary.
template <class T>
bool ascends(std::span<const T> values) {
    bool fits = true;
    for (std::size_t i = 1; i < values.size(); ++i) fits &= values[i - 1] <= values[i];
    return fits;
}

bool cuts(std::span<const std::uint32_t> begins, std::size_t size) {  // an array of that size into consecutive parts
    return begins.front() == 0 && begins.back() == size && ascends(begins);
}

bool cuts(std::span<const TrieNode> nodes, std::uint32_t TrieNode::*begin, std::size_t size) {
    bool fits = nodes.front().*begin == 0 && nodes.back().*begin == size;
    for (std::size_t i = 1; i < nodes.size(); ++i) fits &= nodes[i - 1].*begin <= nodes[i].*begin;
    return fits;
}

template <class T>
bool all_below(std::span<const T> values, std::size_t bound) {
    std::make_unsigned_t<T> most = 0;
    for (T v : values) most = std::max(most, static_cast<std::make_unsigned_t<T>>(v));
    return values.empty() || most < bound;
}

void check_tree(const Header& h, const Tables& t) {
    bool fits = t.parent[0] == 0 && t.depth[0] == 0 && t.nodes[0].end == h.nodes;
    for (NodeId n = 1; n < h.nodes; ++n) {
        const NodeId above = std::min(t.parent[n], n - 1);
        fits &= (t.parent[n] == above) & (t.depth[n] == t.depth[above] + 1) & (t.nodes[n].end > n) & (t.nodes[n].end <= t.nodes[above].end);
    }
    expect(fits, "its nodes are not a tree");
    expect(cuts(t.nodes, &TrieNode::children, h.nodes - 1) && all_below(t.child_nodes, h.nodes), "children out of bounds");
    for (std::uint32_t i = 0; i < h.nodes - 1; ++i) {
        const NodeId child = t.child_nodes[i], above = t.parent[child];
        fits &= (child > above) & (t.nodes[above].children <= i) & (i < t.nodes[above + 1].children) & (t.child_bytes[i] == t.byte[child]);
    }
    expect(fits, "a child of another node");
    expect(cuts(t.occurrences_of, h.nodes - 1) && all_below(t.occurrences, h.nodes), "occurrences out of bounds");
    NodeId last = 0;
    for (std::uint32_t i = 0; i < h.nodes - 1; ++i) {
        const NodeId n = t.occurrences[i];
        const std::size_t b = t.byte[n];
        fits &= (t.occurrences_of[b] <= i) & (i < t.occurrences_of[b + 1]) & ((n > last) | ((i == t.occurrences_of[b]) & (n > 0)));
        last = n;
    }
    expect(fits, "an occurrence of another byte");
    expect(all_below(t.byte_sets_of, h.byte_sets + 1ull), "a set of bytes out of bounds");
}

void check_tokens(const Header& h, const Tables& t) {
    expect(cuts(t.starts, h.bytes) && cuts(t.nodes, &TrieNode::rank, h.texts), "tokens out of order");
    expect(all_below(t.ids, h.tokens), "a token out of bounds");
    bool fits = true;
    for (NodeId n = 0; n < h.nodes; ++n) {
        const TrieNode& node = t.nodes[n];
        fits &= node.token == (node.rank < t.nodes[n + 1].rank ? t.ids[node.rank] : -1);
    }
    expect(fits, "a node of another token");
    // what follows a quote is cut out of tokens
    for (std::uint32_t i = t.occurrences_of['"']; i < t.occurrences_of['"' + 1]; ++i)
        for (NodeId quote = t.occurrences[i], n = quote; n < t.nodes[quote].end; ++n)
            for (std::uint32_t r = t.nodes[n].rank; r < t.nodes[n + 1].rank; ++r) {
                const auto token = static_cast<std::size_t>(t.ids[r]);
                fits &= t.starts[token + 1] - t.starts[token] >= t.depth[quote];
            }
    expect(fits, "a token that ends above its node");
}

void check_free(const Header& h, const Tables& t, const FreeTables& f) {
    bool fits = f.chars[0] == 0;
    for (NodeId n = 1; n < h.nodes; ++n) {
        const std::uint32_t own = f.chars[n], above = f.chars[t.parent[n]];
        fits &= (own == FreeTables::kDead) | ((above != FreeTables::kDead) & (own - above <= 1));
    }
    expect(fits, "characters that do not count up");
    expect(all_below(f.quotes, h.nodes) && all_below(f.by_chars, h.tokens), "a spelling out of bounds");
    for (std::size_t i = 0; i < f.quotes.size(); ++i) {
        const NodeId quote = f.quotes[i];
        fits &= t.byte[quote] == '"' && quote > (i == 0 ? 0 : f.quotes[i - 1]) && f.chars[t.parent[quote]] != FreeTables::kDead;
    }
    expect(fits, "a quote that is none");
    expect(!f.num_up_to.empty() && f.num_up_to.back() == f.by_chars.size() && ascends(f.num_up_to), "counts out of order");
}

Header header_of(std::string_view file, ContentKey key) {
    Header h;
    expect(kIsLittle, "this machine is not little endian");
    expect(file.size() >= sizeof(Header), "too short");
    std::memcpy(&h, file.data(), sizeof(Header));
    expect(std::memcmp(h.magic, kMagic, sizeof(kMagic)) == 0, "not a file of tables");
    expect(h.format == kTablesFormat && h.header_bytes == sizeof(Header), "of another version");
    expect(key.size() == sizeof(h.key) && std::memcmp(h.key, key.data(), sizeof(h.key)) == 0, "of another vocabulary");
    expect(h.nodes > 0, "without a root");
    return h;
}

}  // namespace

std::string saved_tables(const Tables& tables, const AllFreeTables& free, ContentKey key) {
    if (!kIsLittle || key.size() != sizeof(Header::key)) return {};
    Header h{};
    std::memcpy(h.magic, kMagic, sizeof(kMagic)), std::memcpy(h.key, key.data(), sizeof(h.key));
    h.format = kTablesFormat, h.header_bytes = sizeof(Header);
    auto num = [](const auto& array) { return static_cast<std::uint32_t>(array.size()); };
    h.tokens = num(tables.starts) - 1, h.bytes = num(tables.bytes), h.texts = num(tables.ids), h.nodes = num(tables.byte), h.byte_sets = num(tables.byte_sets);
    for (std::size_t s = 0; s < free.size(); ++s) h.free[s] = {num(free[s].quotes), num(free[s].by_chars), num(free[s].num_up_to)};
    std::string out(sizeof(Header), '\0');
    Tables t = tables;
    AllFreeTables f = free;
    each_array(h, t, f, [&](const auto& array, std::size_t) {
        out.append(reinterpret_cast<const char*>(array.data()), array.size_bytes());
        out.resize(padded(out.size()));
    });
    std::memcpy(out.data(), &h, sizeof(Header));
    seal(out);
    return out;
}

void seal(std::string& file) {
    const std::uint64_t sum = checksum(std::string_view(file).substr(offsetof(Header, format)));
    std::memcpy(file.data() + offsetof(Header, checksum), &sum, sizeof(sum));
}

SavedTables opened_tables(std::string_view file, ContentKey key) {
    const Header h = header_of(file, key);
    expect(reinterpret_cast<std::uintptr_t>(file.data()) % 8 == 0, "its bytes do not begin at a multiple of eight");
    SavedTables saved;
    std::size_t at = sizeof(Header);
    each_array(h, saved.tables, saved.free, [&](auto& array, std::size_t size) {
        using T = typename std::remove_reference_t<decltype(array)>::element_type;
        const std::size_t bytes = padded(size * sizeof(T));
        expect(bytes <= file.size() - at, "too short");
        array = {reinterpret_cast<T*>(file.data() + at), size};
        at += bytes;
    });
    expect(at == file.size(), "too long");
    expect(checksum(file.substr(offsetof(Header, format))) == h.checksum, "damaged: its checksum differs");
    check_tree(h, saved.tables);
    check_tokens(h, saved.tables);
    for (const FreeTables& free : saved.free) check_free(h, saved.tables, free);
    return saved;
}

}  // namespace guided
