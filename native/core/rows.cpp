#include "rows.hpp"

#include <algorithm>

namespace guided {

namespace {

constexpr std::uint32_t kWorthKnowing = 8;  // nodes of a subtree for which a closed form is worth asking for
constexpr std::size_t kMaxExits = 20000;    // more places to end than this: the lexeme is free text
constexpr std::size_t kMaxShort = 512;      // tokens of a row that has no base
constexpr std::uint32_t kManyNodes = 512;   // of a subtree that is worth listing by bytes, not by node
constexpr std::uint32_t kMostAsked = 2000;  // tokens asked about one by one where a bound is near
constexpr std::size_t kAhead = 4;           // children that memory is asked for before they are walked to
constexpr std::size_t kMostLeaving = 24;    // bytes that may lead out of such a list

}  // namespace

// A walk puts rows together in one of two ways. Where the bytes at its start lead to a few places of their own and all
// others to free text, everything may come but what is found dead. Else nothing may come but what is found.
struct LexRows::Walk {
    struct Range {
        NodeId from, to;
        LexId end;              // the state in which every text of the range ends
        bool is_total = false;  // they end in different states
    };
    LexRow row;
    FreeText& free;
    bool is_text, is_key;
    bool is_aligned;             // characters begin where they begin from the root of the trie
    bool takes_away = false;     // everything may come but what is found dead
    LexId most = 0;              // then: the state in which any text may come
    std::vector<Range> ranges{};  // what may come; where dead things are taken away: where it ends in other states than `most`
    std::shared_ptr<Words> many{};  // or so many that a list of them would be long
    std::vector<Range> dead{};    // where they are taken away; their `end` says nothing
    std::vector<std::pair<NodeId, LexId>> pending{};
};

LexRowPtr LexRows::of(LexId state, bool is_key) {
    std::vector<LexRowPtr>& rows = is_key ? key_rows_ : rows_;
    if (state >= rows.size()) rows.resize(state + 1 + state / 2);
    if (!rows[state]) {
        LexRowPtr made = make(state, is_key);  // may throw
        if (is_key) key_row_bytes_ += made->num_bytes();
        rows[state] = std::move(made);
    }
    return rows[state];
}

LexRowPtr LexRows::make(LexId exact, bool is_key) {
    const auto counts = lexer_.any_text(exact);
    const bool is_free = counts && counts->first == 0 && counts->second == kUnbounded;
    // where a key ends after so many characters its state is another than here, and that is what its labels hang on
    if (counts && counts->second > 0 && (is_free || !is_key)) return any_text(exact, *counts);
    if (is_key) return walked(exact, true);
    const LexId state = lexer_.clamp(exact, trie_.max_token_bytes());
    const auto key = lexer_.content_key(state);
    if (auto row = trie_.cached(key)) return row;
    LexRowPtr row = lexer_.spelling(state) == Spelling::Text ? nullptr : from_others(state);
    if (!row) row = walked(state, false);
    trie_.keep(key, row);
    return row;
}

// A row of a string with bounds, made of rows that others share; null: none are known to say what it says.
LexRowPtr LexRows::from_others(LexId state) {
    if (const auto run = lexer_.run(state)) return run->unbounded != state ? bounded_run(*run) : nullptr;
    if (const auto cut = lexer_.cut(state)) return cut_down(*cut);
    return between(state);
}

// Characters of one set, so many: what may come if there were no bounds, cut down to them.
LexRowPtr LexRows::bounded_run(const Lexer::Run& run) {
    const LexRowPtr all = of(run.unbounded, false);
    FreeText& free = trie_.free_text(lexer_.spelling(run.unbounded));
    auto row = std::make_shared<LexRow>();
    const WordsPtr most = free.up_to(run.max);
    if (all->base && most != free.words) {
        auto words = std::make_shared<Words>(*all->base);
        for (std::int32_t t : all->removes) words->remove(t);
        words->keep_only(*most);
        row->base = std::move(words);
    } else {
        row->base = all->base, row->removes = all->removes;
    }
    for (std::int32_t t : all->adds)
        if (most->has(t)) row->adds.push_back(t);
    all->each_closing([&](const Crossing& c) {
        if (c.chars >= run.min && c.chars <= run.max) row->closing.push_back(c);
    });
    return row;
}

// What may come if there were no bound, of at most so many characters. A token is asked about only where what it leaves
// of them might not do.
LexRowPtr LexRows::cut_down(const Lexer::Cut& cut) {
    FreeText& free = trie_.free_text(lexer_.spelling(cut.rest));
    const auto longest = static_cast<std::uint32_t>(free.num_up_to.size() - 1);
    const LexRowPtr all = of(cut.rest, false);
    if (cut.max >= longest + cut.need && cut.max >= free.closings.most_before()) return all;
    const std::uint32_t most = std::min(cut.max, longest), sure = std::min(cut.max - std::min(cut.max, cut.need), longest);
    if (free.num_up_to[most] - free.num_up_to[sure] > kMostAsked) return nullptr;
    auto words = words_of(*all);
    words->keep_only(*free.up_to(cut.max));
    for (std::uint32_t chars = sure + 1; chars <= most; ++chars)
        for (std::uint32_t i = free.num_up_to[chars - 1]; i < free.num_up_to[chars]; ++i)
            if (const std::int32_t t = free.by_chars[i]; words->has(t) && !fits(cut, t, chars)) words->remove(t);
    auto row = std::make_shared<LexRow>();
    row->base = std::move(words);
    all->each_closing([&](const Crossing& c) {
        if (c.chars <= cut.max) row->closing.push_back(c);
    });
    row->closing.shrink_to_fit();
    return row;
}

bool LexRows::fits(const Lexer::Cut& cut, std::int32_t token, std::uint32_t chars) {
    auto state = static_cast<std::int32_t>(cut.rest);
    for (char byte : trie_.bytes_of(token)) {
        state = lexer_.next(static_cast<LexId>(state), static_cast<std::uint8_t>(byte));
        if (state < 0) return false;
    }
    const std::uint32_t left = lexer_.least_left(static_cast<LexId>(state));
    return left != kUnbounded && left <= cut.max - chars;
}

// Where parts may come so many times: if a few times less and any number of times allow the same tokens, so does this.
LexRowPtr LexRows::between(LexId state) {
    const auto [low, up] = lexer_.bracket(state);
    if (low == state) return nullptr;
    const LexRowPtr fewer = of(low, false), more = of(up, false);
    if (words_of(*fewer)->bits != words_of(*more)->bits) return nullptr;
    const auto closings = [](const LexRow& row) {  // in one order, whichever way they were found
        std::vector<std::array<std::uint32_t, 3>> out;
        row.each_closing([&](const Crossing& c) { out.push_back({static_cast<std::uint32_t>(c.token), c.tail, c.chars}); });
        std::ranges::sort(out);
        return out;
    };
    return closings(*fewer) == closings(*more) ? more : nullptr;
}

std::shared_ptr<Words> LexRows::words_of(const LexRow& row) const {
    auto words = row.base ? std::make_shared<Words>(*row.base) : std::make_shared<Words>(trie_.num_words());
    for (std::int32_t t : row.removes) words->remove(t);
    for (std::int32_t t : row.adds) words->add(t);
    return words;
}

LexRowPtr LexRows::any_text(LexId state, Counts counts) {
    const auto [least, most] = counts;
    FreeText& free = trie_.free_text(lexer_.spelling(state));
    auto row = std::make_shared<LexRow>();
    row->base = free.up_to(most);
    if (lexer_.spelling(state) == Spelling::Text) return row;
    const auto all = free.closings.between(Trie::kRoot, trie_.num_nodes());
    if (least == 0 && most >= free.closings.most_before()) {  // also where a string still has long to go: a row for each count
        row->closing_free.push_back({all, state});
        return row;
    }
    for (Crossing c : all)
        if (c.chars >= least && c.chars <= most) c.end = state, row->closing.push_back(c);
    row->closing.shrink_to_fit();
    return row;
}

LexRowPtr LexRows::walked(LexId state, bool is_key) {
    const Spelling spelling = lexer_.spelling(state);
    Walk w{{}, trie_.free_text(spelling), spelling == Spelling::Text, is_key, lexer_.partial(state) == 0};
    if (!w.is_text && w.is_aligned)
        if (const Lexer::Arcs arcs = lexer_.arcs(state); arcs.form == Lexer::Form::Default) w.takes_away = true, w.most = arcs.others;
    if (w.is_text || !w.is_aligned || w.takes_away || !add_in_one(w, Trie::kRoot, state)) visit(w, Trie::kRoot, state);
    while (!w.pending.empty()) {
        const auto [node, at] = w.pending.back();
        w.pending.pop_back();
        visit(w, node, at);
    }
    if (w.takes_away) take_away(w); else add_ranges(w);
    fit_base(w.row);
    w.row.has_exits = w.is_text && w.row.exits.size() <= kMaxExits;
    if (!w.row.has_exits) w.row.exits = {};
    list_what_follows(w.row);
    w.row.shrink();  // an emptied list keeps its memory
    return std::make_shared<const LexRow>(std::move(w.row));
}

// The children of a node whose path leads to `state`.
void LexRows::visit(Walk& w, NodeId node, LexId state) {
    const Lexer::Arcs arcs = lexer_.arcs(state);
    if (arcs.form == Lexer::Form::Default && w.is_aligned) return visit_but_for_few(w, node, state, arcs);
    if (arcs.form == Lexer::Form::Few) {
        for (const Lexer::Arc& arc : arcs.list)
            if (const NodeId child = trie_.child(node, arc.byte)) visit_child(w, child, state, lexer_.follow(state, arc));
        if (!w.takes_away) return;
        for (NodeId child : trie_.children(node)) {
            const auto is_child = [&](const Lexer::Arc& arc) { return arc.byte == trie_.byte(child); };
            if (std::none_of(arcs.list.begin(), arcs.list.end(), is_child)) w.dead.push_back({child, trie_.end(child), 0});
        }
        return;
    }
    const std::span<const NodeId> children = trie_.children(node);
    const std::uint8_t* const bytes = trie_.child_bytes(node);
    for (std::size_t i = 0; i < children.size(); ++i) {
        if (i + kAhead < children.size()) trie_.prefetch(children[i + kAhead]);
        if (bytes[i] >= 0x80 && w.is_aligned) {
            if (const std::int32_t to = lexer_.state_beyond_ascii(state); to >= 0)
                return land(w, children[i], trie_.end(node), static_cast<LexId>(to));  // this child and all after it
        }
        visit_child(w, children[i], state, lexer_.next(state, bytes[i]));
    }
}

// All children but a few lead to where any text may come.
void LexRows::visit_but_for_few(Walk& w, NodeId node, LexId state, const Lexer::Arcs& arcs) {
    NodeId from = node + 1;
    for (const Lexer::Arc& arc : arcs.list) {
        const NodeId child = trie_.child(node, arc.byte);
        if (child == Trie::kRoot) continue;
        if (from < child) add_free(w, from, child, arcs.others);
        visit_child(w, child, state, lexer_.follow(state, arc));
        from = trie_.end(child);
    }
    if (from < trie_.end(node)) add_free(w, from, trie_.end(node), arcs.others);
}

void LexRows::visit_child(Walk& w, NodeId child, LexId state, std::int32_t next) {
    if (next == Lexer::kEnd) close(w, child, state);
    if (next < 0) {
        if (w.takes_away) w.dead.push_back({child, trie_.end(child), 0});
        return;
    }
    const auto at = static_cast<LexId>(next);
    if (!w.takes_away) trie_.each_token_at(child, [&](std::int32_t t) { w.row.adds.push_back(t); });
    if (!trie_.has_children(child)) return;
    if (w.is_text && w.row.exits.size() <= kMaxExits && lexer_.nullable(at)) w.row.exits.push_back(child);
    const bool is_small = trie_.end(child) - child <= kWorthKnowing && lexer_.partial(at) == 0;
    const bool is_short = is_small || lexer_.arcs(at).form == Lexer::Form::Few;  // then it is soon walked
    if (!is_short && add_in_one(w, child, at)) return;
    trie_.prefetch_children(child);
    w.pending.push_back({child, at});
}

// Adds what may come below `node` without a walk, if `state` has a closed form.
bool LexRows::add_in_one(Walk& w, NodeId node, LexId state) {
    // a walk that began between characters is where its lexer is; another asks the table, which reads from the root
    const bool is_boundary = w.is_aligned ? lexer_.partial(state) == 0 : w.free.is_whole[node] && w.free.chars[node] != FreeText::kDead;
    const NodeId first = node + 1, end = trie_.end(node);
    if (!is_boundary) {
        const std::int32_t to = w.is_aligned ? lexer_.landing(state) : Lexer::kDead;
        if (to >= 0) land(w, first, end, static_cast<LexId>(to));
        return to >= 0;
    }
    if (lexer_.partial(state) != 0) return false;
    if (lexer_.is_free(state)) return add_free(w, first, end, state), true;
    if (const auto counts = lexer_.any_text(state)) return add_counted(w, node, *counts, w.is_key ? lexer_.end_of_one_label(state) : 0), true;
    if (!w.is_text && lexer_.is_total(state)) return add_total(w, node, state), true;
    const auto* below = trie_.bytes_below(node);
    if (!below || lexer_.arcs(state).form != Lexer::Form::Table) return false;  // no loop to speak of
    if (const auto run = lexer_.run(state); run && run->min == 0 && run->max >= trie_.height(node)) state = run->unbounded;
    const Lexer::Bytes* loop = lexer_.loop(state);
    if (!loop) return false;
    if ((*below & ~*loop).any()) return end - node > kManyNodes && add_loop(w, node, state, *loop);
    add_free(w, first, end, state);
    return true;
}

// The subtree of `node` in a state that most bytes lead back to: what they alone spell is listed, and only places where
// other bytes follow are looked at.
bool LexRows::add_loop(Walk& w, NodeId node, LexId state, const Lexer::Bytes& loop) {
    if (w.takes_away || w.is_text || !w.is_aligned) return false;
    if (!is_spelled_by(node, loop)) return false;  // the list is of texts from the root
    const auto leaving = lexer_.bytes_out_of(state, loop);
    if (leaving.size() > kMostLeaving) return false;
    const auto text = w.free.loop_text(trie_, loop);
    const NodeId end = trie_.end(node);
    if (!w.many) w.many = node == Trie::kRoot ? std::make_shared<Words>(*text->words) : std::make_shared<Words>(trie_.num_words());
    if (node != Trie::kRoot)
        for (std::int32_t t : trie_.tokens_between(node + 1, end))
            if (text->words->has(t)) w.many->add(t);
    if (lexer_.nullable(state))
        for (auto it = std::upper_bound(text->quotes.begin(), text->quotes.end(), node); it != text->quotes.end() && *it < end; ++it) close(w, *it, state);
    for (std::uint8_t b : leaving) {
        const std::int32_t next = lexer_.next(state, b);
        const auto& places = trie_.nodes_of_byte(b);
        for (auto it = std::upper_bound(places.begin(), places.end(), node); it != places.end() && *it < end; ++it)
            if (text->has(trie_.parent(*it))) visit_child(w, *it, state, next);
    }
    return true;
}

// These nodes, all of them inside one character, which whatever it becomes leads to `state`.
void LexRows::land(Walk& w, NodeId from, NodeId to, LexId state) {
    if (lexer_.is_free(state)) return add_free(w, from, to, state);
    for (NodeId n = from; n < to;) {
        if (w.free.chars[n] == FreeText::kDead) {
            n = trie_.end(n);
        } else if (w.free.is_whole[n]) {
            visit_child(w, n, state, static_cast<std::int32_t>(state));
            n = trie_.end(n);
        } else {
            if (!w.takes_away) trie_.each_token_at(n, [&](std::int32_t t) { w.row.adds.push_back(t); });
            ++n;
        }
    }
}

void LexRows::close(Walk& w, NodeId quote, LexId end) {
    for (Crossing c : trie_.crossings(quote)) {
        c.end = end, c.chars = w.free.chars[trie_.parent(quote)];
        w.row.closing.push_back(c);
    }
}

void LexRows::add_free(Walk& w, NodeId from, NodeId to, LexId end) {
    if (w.takes_away && end == w.most) return;
    if (!w.ranges.empty() && w.ranges.back().to == from && w.ranges.back().end == end && !w.ranges.back().is_total) w.ranges.back().to = to;
    else w.ranges.push_back({from, to, end});
}

// The subtree of `node`, where any text goes on somehow: only for its quotes it matters how.
void LexRows::add_total(Walk& w, NodeId node, LexId state) {
    add_free(w, node + 1, trie_.end(node), state);
    w.ranges.back().is_total = true;
    const LexId most = lexer_.usual_next(state);
    const Lexer::Bytes* loop = trie_.end(node) - node > kManyNodes ? lexer_.loop(most) : nullptr;
    Path path(state);
    if (!loop || !is_spelled_by(node, *loop)) return close_each(w, w.free.quotes, node, node + 1, trie_.end(node), path);
    // behind most children the lexer stays in one state, whatever bytes of its loop come
    const auto text = w.free.loop_text(trie_, *loop);
    w.row.owners.push_back(text);
    for (NodeId at = node + 1; at < trie_.end(node);) {
        const auto quote = std::lower_bound(text->quotes.begin(), text->quotes.end(), at);
        if (quote == text->quotes.end() || *quote >= trie_.end(node)) break;
        const NodeId child = trie_.child_towards(node, *quote);
        at = trie_.end(child);
        if (lexer_.next(state, trie_.byte(child)) != static_cast<std::int32_t>(most)) close_each(w, text->quotes, node, child, at, path);
        else if (lexer_.nullable(most)) share_closings(w, text->closings.between(child, at), most);
    }
    close_each(w, text->other_quotes, node, node + 1, trie_.end(node), path);
}

// Those of the quotes that lie in a range below `node`, where `path` starts.
void LexRows::close_each(Walk& w, std::span<const NodeId> quotes, NodeId node, NodeId from, NodeId to, Path& path) {
    for (auto it = std::lower_bound(quotes.begin(), quotes.end(), from); it != quotes.end() && *it < to; ++it) {
        const std::int32_t before = path.at(lexer_, trie_, trie_.parent(*it), node);
        if (before >= 0 && lexer_.nullable(static_cast<LexId>(before))) close(w, *it, static_cast<LexId>(before));
    }
}

// The text from the root of the trie to this node.
bool LexRows::is_spelled_by(NodeId node, const Lexer::Bytes& bytes) const {
    for (; node != Trie::kRoot; node = trie_.parent(node))
        if (!bytes[trie_.byte(node)]) return false;
    return true;
}

// The subtree of `node`, where from `counts` characters on anything may come: a comparison for each node, no automaton.
void LexRows::add_counted(Walk& w, NodeId node, Counts counts, LexId end) {
    const auto [least, most] = counts;
    const std::uint32_t base = w.free.chars[node];
    for (NodeId n = node + 1; n < trie_.end(node);) {
        const std::uint32_t chars = w.free.chars[n];
        if (chars == FreeText::kDead || chars - base > most) {
            if (w.takes_away) w.dead.push_back({n, trie_.end(n), 0});
            n = trie_.end(n);
            continue;
        }
        if (!w.takes_away) trie_.each_token_at(n, [&](std::int32_t t) { w.row.adds.push_back(t); });
        if (w.is_text && w.row.exits.size() <= kMaxExits && w.free.is_whole[n] && chars - base >= least && trie_.has_children(n))
            w.row.exits.push_back(n);
        ++n;
    }
    for (auto it = std::upper_bound(w.free.quotes.begin(), w.free.quotes.end(), node); it != w.free.quotes.end() && *it < trie_.end(node); ++it) {
        const std::uint32_t chars = w.free.chars[trie_.parent(*it)] - base;
        if (chars < least || chars > most) continue;
        close(w, *it, end);
    }
}

void LexRows::share_closings(Walk& w, std::span<const Crossing> found, LexId end) {
    auto& lists = w.row.closing_free;
    if (found.empty()) return;
    if (!lists.empty() && lists.back().end == end && lists.back().crossings.data() + lists.back().crossings.size() == found.data())
        lists.back().crossings = {lists.back().crossings.data(), lists.back().crossings.size() + found.size()};
    else lists.push_back({found, end});
}

// The tokens that spell a text at these nodes.
template <typename F>
void LexRows::each_token(const Walk& w, NodeId from, NodeId to, F&& use) const {
    for (NodeId n = from; n < to;) {
        if (w.free.chars[n] == FreeText::kDead) {
            n = trie_.end(n);
            continue;
        }
        trie_.each_token_at(n, use);
        ++n;
    }
}

// Everything but what is dead. Strings close in the state of free text, but behind quotes that were looked at.
void LexRows::take_away(Walk& w) {
    w.row.base = w.free.words;
    TokenMarks& dead = trie_.marks();
    for (const auto& r : w.dead) each_token(w, r.from, r.to, [&](std::int32_t t) { dead.add(t); });
    dead.drain([&](std::int32_t t) { w.row.removes.push_back(t); });
    auto& apart = w.dead;  // where strings do not close in that state
    for (const auto& r : w.ranges) {
        apart.push_back(r);
        if (!r.is_total && lexer_.nullable(r.end)) share_closings(w, w.free.closings.between(r.from, r.to), r.end);
    }
    std::sort(apart.begin(), apart.end(), [](const auto& x, const auto& y) { return x.from < y.from; });
    if (!lexer_.nullable(w.most)) return;
    NodeId at = Trie::kRoot;
    for (const auto& r : apart) {
        if (at < r.from) share_closings(w, w.free.closings.between(at, r.from), w.most);
        at = std::max(at, r.to);
    }
    if (at < trie_.num_nodes()) share_closings(w, w.free.closings.between(at, trie_.num_nodes()), w.most);
}

// A row with too many exceptions has words of its own.
void LexRows::fit_base(LexRow& row) const {
    if (row.removes.size() + row.adds.size() <= kMaxShort) return;
    auto words = row.base ? std::make_shared<Words>(*row.base) : std::make_shared<Words>(trie_.num_words());
    for (std::int32_t t : row.removes) words->remove(t);
    for (std::int32_t t : row.adds) words->add(t);
    row.base = std::move(words), row.adds = {}, row.removes = {};
}

// Everything that spells a text in these ranges. Where they are most of the trie, what lies between is taken away.
void LexRows::add_ranges(Walk& w) {
    std::sort(w.ranges.begin(), w.ranges.end(), [](const auto& x, const auto& y) { return x.from < y.from; });
    std::size_t covered = 0;
    for (const auto& r : w.ranges) {
        covered += r.to - r.from;
        if (r.is_total || !lexer_.nullable(r.end)) continue;
        if (!w.is_text) {
            share_closings(w, w.free.closings.between(r.from, r.to), r.end);
            continue;
        }
        for (NodeId n = r.from; n < r.to && w.row.exits.size() <= kMaxExits; ++n)
            if (w.free.chars[n] != FreeText::kDead && w.free.is_whole[n] && trie_.has_children(n)) w.row.exits.push_back(n);
    }
    if (w.many) {
        for (const auto& r : w.ranges) each_token(w, r.from, r.to, [&](std::int32_t t) { w.many->add(t); });
        for (std::int32_t t : w.row.adds) w.many->add(t);
        w.row.base = std::move(w.many), w.row.adds = {};
        return;
    }
    if (2 * covered < trie_.num_nodes()) {
        for (const auto& r : w.ranges) each_token(w, r.from, r.to, [&](std::int32_t t) { w.row.adds.push_back(t); });
        return;
    }
    // what is neither in a range nor added; then what is added beside the words
    w.row.base = w.free.words;
    TokenMarks& odd = trie_.marks();
    odd.add_all(w.row.adds);
    std::vector<std::int32_t> dead;
    auto take_away = [&](std::int32_t t) {
        if (!odd.has(t)) dead.push_back(t);
    };
    NodeId at = 1;
    for (const auto& r : w.ranges) each_token(w, at, r.from, take_away), at = r.to;
    each_token(w, at, trie_.num_nodes(), take_away);
    w.row.adds = {};
    odd.drain([&](std::int32_t t) {
        if (!w.row.base->has(t)) w.row.adds.push_back(t);
    });
    odd.add_all(dead);
    odd.drain([&](std::int32_t t) { w.row.removes.push_back(t); });
}

// The lexer's state at `node`, below `top` where the path starts, or kDead. Neighbours share most of their path.
std::int32_t LexRows::Path::at(Lexer& lexer, const Trie& trie, NodeId node, NodeId top) {
    const std::uint32_t base = trie.depth(top), depth = trie.depth(node) - base;
    nodes[0] = top;
    nodes.resize(std::max<std::size_t>(nodes.size(), depth + 1), kUnbounded);
    states.resize(nodes.size(), Lexer::kDead);
    std::uint32_t known = depth;
    for (NodeId n = node; known > 0 && nodes[known] != n; n = trie.parent(n), --known) nodes[known] = n;
    for (std::uint32_t d = known + 1; d <= depth; ++d)
        states[d] = states[d - 1] < 0 ? Lexer::kDead : lexer.next(static_cast<LexId>(states[d - 1]), trie.byte(nodes[d]));
    return states[depth];
}

void LexRows::list_what_follows(LexRow& row) {
    for (NodeId exit : row.exits)
        for (NodeId child : trie_.children(exit)) {
            row.next.push_back({trie_.byte(child), child});
            if (trie_.byte(child) == '"')
                for (const Crossing& c : trie_.crossings(child)) row.opening.push_back(c);
        }
    std::sort(row.next.begin(), row.next.end());
}

}  // namespace guided
