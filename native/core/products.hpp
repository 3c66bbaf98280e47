// Whether a conjunction matches anything, found over tuples of the states of its parts.
//
// An expression with `and` and `not` inside is taken apart into leaves: expressions without them, or ones that cannot be
// taken apart. A leaf is an automaton of its own, made as it is walked: its derivatives are found once, whatever the other
// leaves do. A step of a tuple is then a look-up for each leaf, where a derivative of the whole is a new expression.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "expr.hpp"

namespace guided {

class ExprPool::Products {
   public:
    explicit Products(ExprPool& pool) : pool_(&pool) {}

    // Whether some text matches `e`, which is not decided by its look; nothing if that takes more than so much work: a unit
    // for each leaf of each step.
    std::optional<bool> search(ExprId e, std::uint64_t max_work);
    std::size_t num_bytes() const;  // held between searches, about

   private:
    using LeafId = std::uint32_t;
    static constexpr LeafId kNoText = 0;  // the leaf that matches nothing

    struct Part {  // of the formula; children come before what is made of them
        ExprKind kind;  // Set: a leaf
        std::uint32_t first, num;  // children in `children_`; of a leaf: its place in a tuple
    };
    enum class Known : std::uint8_t { Empty, Open, Some, All };  // matches nothing, not known, something, everything
    struct Verdict {
        Known known;
        bool is_nullable;
        std::uint32_t least;  // characters to an end, at least
    };
    struct Tuple {
        std::uint32_t parent, chr, depth;  // where it was reached from, by what, after how many characters
    };

    bool take_apart(ExprId e);
    std::optional<std::uint32_t> part_of(ExprId e, std::uint32_t depth);
    const Partition* classes_of(ExprId e) const;
    bool are_finer(const Partition& p) const;
    bool find_classes(ExprId e);
    std::optional<bool> look(ExprId e, std::uint64_t max_work);
    LeafId leaf(ExprId e);
    void find_steps(LeafId leaf);
    std::uint64_t letters_of(LeafId leaf);
    bool lacks_letters(const std::vector<LeafId>& tuple);
    bool lacks(std::uint32_t part, std::uint64_t allowed, const std::vector<LeafId>& tuple);
    void judge(const std::vector<LeafId>& tuple);
    void mark(std::uint32_t part);
    void mark_first(const Part& part, Known known);
    void mark_path(ExprId e, std::uint32_t last);

    ExprPool* pool_;
    std::vector<std::uint32_t> classes_;  // a character of each class that no leaf can tell apart
    std::vector<CharSet> class_chars_;
    std::vector<Part> parts_;
    std::vector<std::uint32_t> children_;
    std::vector<ExprId> places_;  // leaves of the expression, each once
    std::vector<std::uint32_t> vital_;  // places without which nothing matches, by their look
    // Leaves met so far, and where each class leads from each.
    std::vector<ExprId> leaves_;
    FlatMap leaf_ids_;
    std::vector<std::uint32_t> first_step_;  // in steps_; kUnbounded: not found yet
    std::vector<LeafId> steps_;
    std::vector<Verdict> leaf_verdicts_;
    std::vector<std::uint64_t> leaf_letters_;  // sets of classes, as bits
    FlatMap mask_ids_, lacking_;               // by allowed classes; by (leaf, allowed classes): whether it needs others
    std::vector<CharSet> masks_;
    // Of one search.
    ListIds<> tuples_;
    std::vector<Tuple> reached_;
    std::vector<Verdict> verdicts_;  // of each part
    std::vector<std::uint64_t> letters_;
    std::vector<bool> is_needed_;    // of each place
    std::uint64_t work_ = 0;
};

}  // namespace guided
