#include "products.hpp"

#include <algorithm>
#include <array>
#include <queue>
#include <utility>

namespace guided {

namespace {

constexpr std::size_t kMostClasses = 64, kMostPlaces = 64, kMostParts = 512;
constexpr std::size_t kMostLeaves = 1 << 15;  // kept for further searches
constexpr std::uint32_t kMostNesting = 64;
constexpr std::size_t kMostExpressions = 1 << 14;  // looked at for the characters they tell apart
constexpr std::uint64_t kWorkOfDerivative = 128;   // beside a look-up
constexpr std::uint64_t kNotFound = ~std::uint64_t(0);  // of letters; that a text may hold all of 64 classes is found each time
constexpr std::size_t kMostMarked = 1000;          // places on the way to an end, of which it is remembered

}  // namespace

// The classes of characters that all sets in `e` tell apart: its derivatives have no others.
const Partition* ExprPool::Products::classes_of(ExprId e) const {
    std::vector<ExprId> pending{e};
    std::vector<std::uint32_t> sets, tables;
    FlatMap seen;
    while (!pending.empty()) {
        const ExprId at = pending.back();
        pending.pop_back();
        if (!seen.try_insert(at, 0).second) continue;
        if (seen.size() > kMostExpressions) return nullptr;
        const Node& n = pool_->nodes_[at];
        switch (n.kind) {
            case ExprKind::Set: sets.push_back(n.a); break;
            case ExprKind::State:
                if (std::ranges::find(tables, n.a) == tables.end()) tables.push_back(n.a);
                break;
            case ExprKind::Cat: pending.push_back(n.b), pending.push_back(n.a); break;
            case ExprKind::Not:
            case ExprKind::Repeat: pending.push_back(n.a); break;
            case ExprKind::Alt:
            case ExprKind::And: pending.insert(pending.end(), pool_->parts(at).begin(), pool_->parts(at).end()); break;
            default: break;
        }
    }
    for (std::uint32_t table : tables) sets.insert(sets.end(), pool_->tables_[table].set_ids.begin(), pool_->tables_[table].set_ids.end());
    std::ranges::sort(sets);
    sets.erase(std::unique(sets.begin(), sets.end()), sets.end());
    return &pool_->partition(sets);
}

// Whether the classes at hand tell apart all that `p` does.
bool ExprPool::Products::are_finer(const Partition& p) const {
    return !classes_.empty() && std::ranges::all_of(class_chars_, [&](const CharSet& chars) {
        const Chars whole = p.chars(p.class_of(chars.front().lo));
        return std::ranges::all_of(chars, [&](const Range& r) { return intersect(r, whole) == CharSet{r}; });
    });
}

bool ExprPool::Products::find_classes(ExprId e) {
    const Partition* p = classes_of(e);
    if (!p) return false;
    if (are_finer(*p) && leaves_.size() < kMostLeaves) return true;
    *this = Products(*pool_);
    for (std::uint32_t cls = 0; cls < p->num_classes(); ++cls)
        if (const Chars chars = p->chars(cls); !chars.empty()) classes_.push_back(chars.front().lo), class_chars_.emplace_back(chars.begin(), chars.end());
    leaf(kEmpty);
    return classes_.size() <= kMostClasses;
}

// The part of the formula that says `e`; nothing if the formula gets too large.
std::optional<std::uint32_t> ExprPool::Products::part_of(ExprId e, std::uint32_t depth) {
    if (parts_.size() > kMostParts || depth > kMostNesting) return {};
    const Node n = pool_->nodes_[e];
    Part part{n.kind, 0, 0};
    if (n.kind == ExprKind::Not || n.kind == ExprKind::And || (n.kind == ExprKind::Alt && !n.plain)) {
        std::vector<std::uint32_t> own;
        for (ExprId child : n.kind == ExprKind::Not ? std::vector{n.a} : pool_->children(e)) {
            const auto made = part_of(child, depth + 1);
            if (!made) return {};
            own.push_back(*made);
        }
        part.first = static_cast<std::uint32_t>(children_.size()), part.num = static_cast<std::uint32_t>(own.size());
        children_.insert(children_.end(), own.begin(), own.end());
    } else {
        const auto at = std::ranges::find(places_, e);
        part = {ExprKind::Set, static_cast<std::uint32_t>(at - places_.begin()), 0};
        if (at == places_.end()) places_.push_back(e);
    }
    parts_.push_back(part);
    return static_cast<std::uint32_t>(parts_.size() - 1);
}

bool ExprPool::Products::take_apart(ExprId e) {
    parts_.clear(), children_.clear(), places_.clear();
    if (!find_classes(e) || !part_of(e, 0) || places_.size() > kMostPlaces) return false;
    vital_.clear();
    const Part& whole = parts_.back();
    for (std::uint32_t i = whole.first; whole.kind == ExprKind::And && i < whole.first + whole.num; ++i)
        if (parts_[children_[i]].kind == ExprKind::Set) vital_.push_back(parts_[children_[i]].first);
    verdicts_.resize(parts_.size()), letters_.resize(parts_.size());
    is_needed_.resize(places_.size());
    return true;
}

ExprPool::Products::LeafId ExprPool::Products::leaf(ExprId e) {
    const auto [id, is_new] = leaf_ids_.try_insert(e, static_cast<LeafId>(leaves_.size()));
    if (!is_new) return id;
    const Node& n = pool_->nodes_[e];
    leaves_.push_back(e), first_step_.push_back(kUnbounded), leaf_letters_.push_back(kNotFound);
    leaf_verdicts_.push_back({e == kEmpty ? Known::Empty : e == kAll ? Known::All : n.plain || n.nullable ? Known::Some : Known::Open, n.nullable, n.least});
    return id;
}

void ExprPool::Products::find_steps(LeafId from) {
    const ExprId e = leaves_[from];
    const auto first = static_cast<std::uint32_t>(steps_.size());
    const Partition& p = pool_->partition_of(pool_->firsts(e));
    std::vector<LeafId> by_class(p.num_classes(), kUnbounded);
    for (const std::uint32_t c : classes_) {
        LeafId& to = by_class[p.class_of(c)];
        if (to == kUnbounded) to = leaf(pool_->derive_now(e, c)), work_ += kWorkOfDerivative;
        steps_.push_back(to);
    }
    first_step_[from] = first;
}

// What is known of each part of the formula, where its leaves are those of the tuple.
void ExprPool::Products::judge(const std::vector<LeafId>& tuple) {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const Part& part = parts_[i];
        const std::uint32_t* child = children_.data() + part.first;
        Verdict& out = verdicts_[i];
        if (part.kind == ExprKind::Set) {
            out = leaf_verdicts_[tuple[part.first]];
        } else if (part.kind == ExprKind::Not) {
            const Verdict& v = verdicts_[*child];
            out = {v.known == Known::Empty ? Known::All : v.known == Known::All ? Known::Empty : Known::Open, !v.is_nullable, v.is_nullable ? 1u : 0u};
        } else if (part.kind == ExprKind::Alt) {
            out = {Known::Empty, false, kUnbounded};
            for (const std::uint32_t* end = child + part.num; child < end; ++child) {
                const Verdict& v = verdicts_[*child];
                if (v.known == Known::Empty) continue;
                out = {std::max(out.known, v.known), out.is_nullable || v.is_nullable, std::min(out.least, v.least)};
            }
        } else {
            out = {Known::All, true, 0};
            for (const std::uint32_t* end = child + part.num; child < end; ++child) {
                const Verdict& v = verdicts_[*child];
                const bool are_both_open = out.known != Known::All && v.known != Known::All;  // each may match something, both nothing
                out = {are_both_open ? std::min({out.known, v.known, Known::Open}) : std::min(out.known, v.known), out.is_nullable && v.is_nullable,
                       std::max(out.least, v.least)};
            }
        }
        if (out.is_nullable && out.known == Known::Open) out.known = Known::Some;
    }
}

// The classes that a text of the leaf may hold, and more.
std::uint64_t ExprPool::Products::letters_of(LeafId leaf) {
    if (leaf_letters_[leaf] != kNotFound) return leaf_letters_[leaf];
    const std::uint32_t set = pool_->letters(leaves_[leaf]);
    std::uint64_t out = 0;
    for (std::size_t cls = 0; cls < classes_.size(); ++cls) out |= std::uint64_t(contains(pool_->sets_[set], classes_[cls])) << cls;
    return leaf_letters_[leaf] = out;
}

// True: every text of the part would need a character that is not of the allowed classes. `letters_` has been found.
bool ExprPool::Products::lacks(std::uint32_t at, std::uint64_t allowed, const std::vector<LeafId>& tuple) {
    const Part& part = parts_[at];
    if (verdicts_[at].known == Known::Empty) return true;
    if (verdicts_[at].is_nullable || part.kind == ExprKind::Not) return false;
    if (part.kind == ExprKind::Set) {
        const LeafId leaf = tuple[part.first];
        const auto [mask, is_new] = mask_ids_.try_insert(allowed, static_cast<std::uint32_t>(masks_.size()));
        if (is_new) {
            CharSet& chars = masks_.emplace_back();
            for (std::size_t cls = 0; cls < classes_.size(); ++cls)
                if (allowed >> cls & 1) chars.insert(chars.end(), class_chars_[cls].begin(), class_chars_[cls].end());
            chars = normalized(std::move(chars));
        }
        const std::uint64_t key = (std::uint64_t(leaf) << 32) | mask;
        if (const std::uint32_t known = lacking_.find(key); known != FlatMap::kMissing) return known;
        work_ += kWorkOfDerivative;
        const bool out = pool_->lacks_letters(leaves_[leaf], masks_[mask]);
        lacking_.insert(key, out);
        return out;
    }
    const std::uint32_t* child = children_.data() + part.first;
    if (part.kind == ExprKind::Alt) return std::all_of(child, child + part.num, [&](std::uint32_t c) { return lacks(c, allowed, tuple); });
    return std::any_of(child, child + part.num, [&](std::uint32_t c) { return lacks(c, allowed & letters_[at], tuple); });
}

bool ExprPool::Products::lacks_letters(const std::vector<LeafId>& tuple) {
    constexpr std::uint64_t kEvery = ~std::uint64_t(0);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const Part& part = parts_[i];
        const std::uint32_t* child = children_.data() + part.first;
        std::uint64_t& out = letters_[i];
        out = part.kind == ExprKind::Set ? letters_of(tuple[part.first]) : part.kind == ExprKind::Alt ? 0 : kEvery;
        if (part.kind == ExprKind::Alt) std::for_each(child, child + part.num, [&](std::uint32_t c) { out |= letters_[c]; });
        if (part.kind == ExprKind::And) std::for_each(child, child + part.num, [&](std::uint32_t c) { out &= letters_[c]; });
    }
    return lacks(static_cast<std::uint32_t>(parts_.size() - 1), kEvery, tuple);
}

// Marks the places on which the verdict about a part rests: tuples that differ in others only are one.
void ExprPool::Products::mark(std::uint32_t at) {
    const Part& part = parts_[at];
    const Known known = verdicts_[at].known;
    if (part.kind == ExprKind::Set) {
        is_needed_[part.first] = true;
    } else if (part.kind == ExprKind::And && known == Known::Empty) {
        mark_first(part, known);
    } else if (part.kind == ExprKind::Alt && known == Known::All) {
        mark_first(part, known);
    } else {
        const std::uint32_t num = part.num;
        for (std::uint32_t i = 0; i < num; ++i) mark(children_[part.first + i]);
    }
}

void ExprPool::Products::mark_first(const Part& part, Known known) {
    for (std::uint32_t i = 0; i < part.num; ++i)
        if (verdicts_[children_[part.first + i]].known == known) return mark(children_[part.first + i]);
}

// Remembers of all expressions on the way to a tuple from which an end can be reached that they have one.
void ExprPool::Products::mark_path(ExprId e, std::uint32_t last) {
    std::vector<std::uint32_t> chars;
    for (std::uint32_t at = last; at != 0; at = reached_[at].parent) chars.push_back(reached_[at].chr);
    pool_->emptiness_.assign(e, 0);
    for (std::size_t i = 0; i < std::min(chars.size(), kMostMarked); ++i) {
        e = pool_->derive(e, chars[chars.size() - 1 - i]);
        if (!pool_->nodes_[e].plain) pool_->emptiness_.assign(e, 0);
    }
}

std::size_t ExprPool::Products::num_bytes() const {
    return leaf_ids_.num_bytes() + mask_ids_.num_bytes() + lacking_.num_bytes() + leaves_.capacity() * 16 + 4 * steps_.capacity();
}

std::optional<bool> ExprPool::Products::search(ExprId e, std::uint64_t max_work) {
    const auto found = look(e, max_work);
    tuples_ = {}, reached_ = {};
    return found;
}

std::optional<bool> ExprPool::Products::look(ExprId e, std::uint64_t max_work) {
    work_ = 0;
    if (!take_apart(e)) return {};
    const auto root = static_cast<std::uint32_t>(parts_.size() - 1);
    using Entry = std::pair<std::uint64_t, std::uint32_t>;
    // of what seems nearest to an end, by turns what was met first and what is deepest: some ends are near, some are deep
    std::array<std::priority_queue<Entry, std::vector<Entry>, std::greater<>>, 2> queues;
    auto push = [&](std::uint32_t id, std::uint32_t least) {
        queues[0].push({(std::uint64_t(least) << 32) | id, id});
        queues[1].push({(std::uint64_t(least) << 32) | ~reached_[id].depth, id});
    };
    std::vector<bool> is_done;
    std::size_t turn = 0;
    std::vector<LeafId> from, to;
    for (ExprId place : places_) from.push_back(leaf(place));
    judge(from);
    tuples_.insert(from), reached_.push_back({0, 0, 0}), push(0, 0);
    while (!queues[turn].empty()) {
        const std::uint32_t at = queues[turn].top().second;
        queues[turn].pop();
        turn = 1 - turn;
        if (at < is_done.size() && is_done[at]) continue;
        is_done.resize(reached_.size());
        is_done[at] = true;
        from.assign(tuples_[at].begin(), tuples_[at].end());
        for (LeafId l : from)
            if (first_step_[l] == kUnbounded) find_steps(l);
        for (std::uint32_t cls = 0; cls < classes_.size(); ++cls) {
            to.clear();
            for (LeafId l : from) to.push_back(steps_[first_step_[l] + cls]);
            if (std::ranges::any_of(vital_, [&](std::uint32_t place) { return to[place] == kNoText; })) continue;
            judge(to);
            const Verdict verdict = verdicts_[root];
            if (verdict.known == Known::Empty) continue;
            std::fill(is_needed_.begin(), is_needed_.end(), false);
            mark(root);
            for (std::size_t i = 0; i < to.size(); ++i)
                if (!is_needed_[i]) to[i] = kNoText;
            const auto [id, is_new] = tuples_.insert(to);
            if (!is_new) continue;
            reached_.push_back({at, classes_[cls], reached_[at].depth + 1});
            if (verdict.known != Known::Open) return mark_path(e, id), true;
            if (!lacks_letters(to)) push(id, verdict.least);
        }
        work_ += classes_.size() * from.size();
        if (work_ > max_work) return {};
    }
    pool_->emptiness_.assign(e, 1);
    return false;
}

}  // namespace guided
