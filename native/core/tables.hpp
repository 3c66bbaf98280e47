// The tables of a vocabulary as plain arrays, which may lie in this process or in a file of an earlier one.
//
// A file is a header and the arrays, one after the other, each at a multiple of eight bytes, little endian; their lengths
// follow from the header's counts. A file is never trusted: a checksum finds what was damaged by chance, and every index
// is compared with its bounds before it is used, so that no file whatever can lead a walk astray in memory.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace guided {

using NodeId = std::uint32_t;
using ByteSet = std::bitset<256>;

// The bytes of each token, one after the other; no bytes: a control token, or none at all.
struct TokenBytes {
    static constexpr std::size_t kMaxBytes = 65'535;  // of one token

    std::vector<std::uint32_t> starts{0};  // of each token, and where the last one ends
    std::string bytes;

    TokenBytes() = default;
    explicit TokenBytes(const std::vector<std::optional<std::string>>& tokens) {
        for (const auto& token : tokens) add(token ? std::string_view(*token) : std::string_view());
    }
    void add(std::string_view token) { bytes.append(token), starts.push_back(static_cast<std::uint32_t>(bytes.size())); }
    std::uint32_t size() const { return static_cast<std::uint32_t>(starts.size() - 1); }
    std::string_view operator[](std::size_t t) const { return {bytes.data() + starts[t], starts[t + 1] - starts[t]}; }
};

// Owns arrays that are made here; those of a file are owned by whoever opened it.
class Arena {
   public:
    template <class T>
    std::span<T> make(std::span<const T>& view, std::size_t num) {  // zeros
        auto owner = std::make_shared<T[]>(num);
        const std::span<T> made(owner.get(), num);
        view = made;
        owners_.push_back(std::move(owner));
        return made;
    }
    void keep(std::shared_ptr<const void> owner) { owners_.push_back(std::move(owner)); }

   private:
    std::vector<std::shared_ptr<const void>> owners_;
};

// What a walk asks of a node it comes to, side by side: it comes to few, far from each other, so each is a line of memory.
struct TrieNode {
    NodeId end;              // one past the last node below
    std::uint32_t rank;      // of the first token at or below it
    std::uint32_t children;  // where they begin in the lists of children
    std::int32_t token;      // the first one that ends here; -1: none

    bool operator==(const TrieNode&) const = default;
};

struct Tables {
    std::span<const std::uint32_t> starts;   // of each token in `bytes`, and where the last one ends
    std::span<const char> bytes;
    std::span<const std::int32_t> ids;       // token id of each rank
    std::span<const TrieNode> nodes;         // and one more, which says where the ranks and the children end
    std::span<const std::uint8_t> byte;      // of each node
    std::span<const std::uint16_t> depth, height;
    std::span<const NodeId> parent;
    std::span<const std::uint8_t> child_bytes;  // of the children of one node after the other
    std::span<const NodeId> child_nodes;
    std::span<const NodeId> occurrences;     // nodes by their byte
    std::span<const std::uint32_t> occurrences_of;  // of each byte: where they begin
    std::span<const std::uint32_t> byte_sets_of;    // of each node: one more than its place in `byte_sets`, or 0
    std::span<const ByteSet> byte_sets;
};

struct FreeTables {
    static constexpr std::uint16_t kDead = 0xFFFF;

    std::span<const std::uint16_t> chars;    // of each node from the root, a character begun counted; kDead: not a spelling
    std::span<const std::uint8_t> is_whole;  // of each node: no character is left half read
    std::span<const NodeId> quotes;          // where a JSON string could be closed, ascending
    std::span<const std::int32_t> by_chars;  // tokens that are a spelling, those of few characters first
    std::span<const std::uint32_t> num_up_to;  // how many of them spell at most n characters
};

using AllFreeTables = std::array<FreeTables, 3>;  // by Spelling
using ContentKey = std::string_view;              // 32 bytes that stand for the vocabulary

// To be raised whenever an array is added, or what one of them means changes (a test compares the bytes of a small vocabulary).
inline constexpr std::uint32_t kTablesFormat = 2;

std::string saved_tables(const Tables& tables, const AllFreeTables& free, ContentKey key);
void seal(std::string& file);  // with the right checksum, whatever it holds

struct SavedTables {
    Tables tables;
    AllFreeTables free;
};
// Views into `file`, which must begin at a multiple of eight bytes. Throws std::invalid_argument with the reason for not using it.
SavedTables opened_tables(std::string_view file, ContentKey key);

}  // namespace guided
