#include "mask.hpp"

#include <algorithm>
#include <bit>
#include <optional>

namespace guided {

void Row::write(std::int32_t* out, std::uint32_t num_words) const {
    if (base) std::memcpy(out, base->bits.data(), num_words * sizeof(std::int32_t));
    else std::memset(out, 0, num_words * sizeof(std::int32_t));
    for (std::int32_t t : adds) out[t >> 5] |= static_cast<std::int32_t>(1u << (t & 31));
    for (std::int32_t t : removes) out[t >> 5] &= ~static_cast<std::int32_t>(1u << (t & 31));
}

std::vector<std::int32_t> Row::tokens() const {
    if (!base) return adds;
    std::vector<std::int32_t> words(base->bits.size()), out;
    write(words.data(), static_cast<std::uint32_t>(words.size()));
    out.reserve(count);
    for (std::size_t w = 0; w < words.size(); ++w)
        for (auto bits = static_cast<std::uint32_t>(words[w]); bits; bits &= bits - 1)
            out.push_back(static_cast<std::int32_t>(w * 32) + std::countr_zero(bits));
    return out;
}

Row Masker::compute(const Config& config) {
    machine_.tainted = machine_.tainted_items = false;
    Config all = config;  // and what follows lexemes that may end here: each has a row of its own, which others share
    machine_.add_closure(all);
    if (machine_.rules.empty()) walk_frames(all); else walk_rules(all);
    if (std::find(all.begin(), all.end(), FrameId{0}) != all.end())  // the text is complete
        for (std::int32_t t : trie_.eos_ids())
            if (t >= 0 && static_cast<std::uint32_t>(t) < trie_.num_tokens()) found_.push_back(t);
    const bool is_tainted = machine_.tainted, has_tainted_items = machine_.tainted_items;
    Row row = assembled();
    // fewer quotes cannot end one key and hold another, and items are told apart by commas
    if (is_tainted || has_tainted_items) verify(config, row, is_tainted ? 3 : kNever, has_tainted_items ? 1 : kNever);
    return row;
}

// Frame by frame: each is read as if it were alone.
void Masker::walk_frames(const Config& config) {
    parts_.clear(), found_.clear();
    Sink sink{trie_, rows_, &found_, nullptr};
    walk(sink, config);
}

void Masker::walk(Sink& sink, const Config& config) {
    for (FrameId frame : config) {
        const Frame f = machine_.frame(frame);
        if (f.kind != FrameKind::Lex && f.kind != FrameKind::Text && f.kind != FrameKind::Key) {
            add_frame(sink, Trie::kRoot, frame);
            continue;
        }
        const LexRowPtr row = sink.rows.of(f.a, f.kind == FrameKind::Key && sink.rows.tells_ends_apart(f.a));
        if (sink.tails) add_row(*sink.tails, *row);
        else parts_.push_back(row);
        cross(sink, frame, *row);
    }
}

void Masker::add_row(Words& words, const LexRow& row) {
    if (row.base && row.removes.empty()) {
        words.unite(*row.base);
    } else if (row.base) {
        Words own = *row.base;
        for (std::int32_t t : row.removes) own.remove(t);
        words.unite(own);
    }
    for (std::int32_t t : row.adds) words.add(t);
}

// One row of the parts and the tokens found beside them.
Row Masker::assembled() {
    Row row;
    const LexRow* dense = nullptr;
    std::shared_ptr<Words> own;  // where several rows are dense
    for (const LexRowPtr& part : parts_) {
        if (!part->base || part.get() == dense) continue;
        if (dense) join(own, *dense, *part);
        else dense = part.get();
    }
    row.base = own ? own : dense ? dense->base : nullptr;
    TokenMarks& added = trie_.marks();
    for (const LexRowPtr& part : parts_) added.add_all(part->adds);
    added.add_all(found_);
    if (dense && !own)
        for (std::int32_t t : dense->removes)
            if (!added.has(t)) row.removes.push_back(t);  // else it stays in the base
    sorted_.clear();
    added.drain([&](std::int32_t t) {
        if (!row.base || !row.base->has(t)) sorted_.push_back(t);
    });
    row.adds.assign(sorted_.begin(), sorted_.end());  // of the right size
    if (row.adds.size() + row.removes.size() > Row::kMaxShort) {
        own = row.base ? std::make_shared<Words>(*row.base) : std::make_shared<Words>(trie_.num_words());
        for (std::int32_t t : row.adds) own->add(t);
        for (std::int32_t t : row.removes) own->remove(t);
        row = {own, {}, {}, 0};
    }
    row.count = static_cast<std::uint32_t>((row.base ? row.base->count : 0) + row.adds.size() - row.removes.size());
    return row;
}

// The dense tokens of both rows; `own` is null or has those of the first already.
void Masker::join(std::shared_ptr<Words>& own, const LexRow& first, const LexRow& other) const {
    if (!own) {
        own = std::make_shared<Words>(*first.base);
        for (std::int32_t t : first.removes) own->remove(t);
    }
    Words more = *other.base;
    for (std::int32_t t : other.removes) more.remove(t);
    own->count = 0;
    for (std::size_t i = 0; i < own->bits.size(); ++i)
        own->count += static_cast<std::uint32_t>(std::popcount(static_cast<std::uint32_t>(own->bits[i] |= more.bits[i])));
}

// A walk met a key or an item whose text it had not kept and then went on to another: ask the machine itself about
// the tokens that cross and hold that many quotes or commas. Each is asked about once, or it would be taken away twice.
void Masker::verify(const Config& config, Row& row, std::ptrdiff_t quotes, std::ptrdiff_t commas) {
    std::vector<std::int32_t> refused;
    Config at, next;
    std::sort(found_.begin(), found_.end());
    found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    for (std::int32_t token : found_) {
        const std::string_view bytes = trie_.bytes_of(token);
        if (bytes.empty()) continue;
        auto has = [&](char byte, std::ptrdiff_t least) { return std::count(bytes.begin(), bytes.end(), byte) >= least; };
        if (!has('"', quotes) && !has(',', commas)) continue;
        at = config;
        for (char c : bytes) {
            machine_.step(at, static_cast<std::uint8_t>(c), next);
            std::swap(at, next);
            if (at.empty()) break;
        }
        if (at.empty()) refused.push_back(token);
    }
    for (std::int32_t token : refused) {
        const auto added = std::lower_bound(row.adds.begin(), row.adds.end(), token);
        if (added != row.adds.end() && *added == token) row.adds.erase(added);
        else row.removes.insert(std::lower_bound(row.removes.begin(), row.removes.end(), token), token);
        --row.count;
    }
}

// Everything that may read the next byte once the lexeme of this frame has ended.
Config Masker::closure_after(FrameId frame) {
    Config after;
    machine_.leave(frame, after);
    machine_.add_closure(after);
    return after;
}

Config Masker::closure_after_key(FrameId frame, LexId end) {
    Config after;
    machine_.complete_key(frame, end, kUnknownExtras, after);
    machine_.add_closure(after);
    return after;
}

void Masker::cross(Sink& sink, FrameId frame, const LexRow& row) {
    if (machine_.frame(frame).kind != FrameKind::Lex) cross_string(sink, frame, row);
    else if (!row.has_exits) cross_free_text(sink, frame);
    else if (!row.exits.empty()) cross_text(sink, frame, row);
}

// Those whose tail may follow, which `tails_of` answers for tails of so many quotes.
template <class TailsOf>
void Masker::add_crossings(Sink& sink, std::span<const Crossing> crossings, TailsOf&& tails_of) {
    if (crossings.empty()) return;
    if (!sink.tails) {
        const Words& legal = tails_of(kAnyQuotes).legal;
        for (const Crossing& c : crossings)
            if (c.tail == Crossing::kNoTail || legal.has(static_cast<std::int32_t>(c.tail))) found_.push_back(c.token);
        return;
    }
    const auto num_quotes = [&](auto tail) {
        const std::string_view bytes = sink.trie.bytes_of(static_cast<std::int32_t>(tail));
        return static_cast<std::uint32_t>(std::count(bytes.begin(), bytes.end(), '"'));
    };
    std::optional<std::uint32_t> most;  // quotes of what follows
    for (const Crossing& c : crossings) {
        if (num_quotes(c.token) > sink.most_quotes) sink.is_cut = true;
        else if (c.tail == Crossing::kNoTail) sink.tails->add(c.token);
        else most = std::max(most.value_or(0), num_quotes(c.tail));
    }
    if (!most) return;
    const Words& legal = tails_of(*most).legal;
    for (const Crossing& c : crossings)
        if (c.tail != Crossing::kNoTail && legal.has(static_cast<std::int32_t>(c.tail)) && num_quotes(c.token) <= sink.most_quotes) sink.tails->add(c.token);
}

void Masker::cross_string(Sink& sink, FrameId frame, const LexRow& row) {
    if (row.closing.empty() && row.closing_free.empty()) return;
    const Frame f = machine_.frame(frame);
    if (f.kind == FrameKind::Text || !sink.rows.tells_ends_apart(f.a)) {
        std::optional<Config> after;
        const auto tails_of = [&](std::uint32_t quotes) -> const TailSet& {
            if (!after) after = f.kind == FrameKind::Text ? closure_after(frame) : closure_after_key(frame, machine_.lexer.end_of_one_label(f.a));
            return tails(*after, quotes);
        };
        add_crossings(sink, row.closing, tails_of);
        for (const SharedCrossings& shared : row.closing_free) add_crossings(sink, shared.crossings, tails_of);
        return;
    }
    // of a key it matters where the lexer was: a set of tails for each end
    const auto add = [&](std::span<const Crossing> crossings, LexId end) {
        add_crossings(sink, crossings, [&](std::uint32_t quotes) -> const TailSet& { return tails(closure_after_key(frame, end), quotes); });
    };
    const std::span<const Crossing> all = row.closing;
    for (std::size_t from = 0, to = 0; from < all.size(); from = to) {
        while (to < all.size() && all[to].end == all[from].end) ++to;
        add(all.subspan(from, to - from), all[from].end);
    }
    for (const auto& [crossings, end] : row.closing_free) add(crossings, end);
}

// Text that may end at a few places: what comes next is looked for only at the bytes that it can begin with.
void Masker::cross_text(Sink& sink, FrameId frame, const LexRow& row) {
    for (FrameId next : closure_after(frame)) {
        const Frame f = machine_.frame(next);
        if (f.kind == FrameKind::OpenText || f.kind == FrameKind::OpenKey) {
            add_crossings(sink, row.opening, [&](std::uint32_t quotes) -> const TailSet& { return tails_after_quote(next, quotes); });
            continue;
        }
        const auto arcs = f.kind == FrameKind::Lex ? machine_.lexer.arcs(f.a) : Lexer::Arcs{Lexer::Form::Table};
        if (arcs.form != Lexer::Form::Few) {
            for (NodeId exit : row.exits) add_frame(sink, exit, next);
            continue;
        }
        for (const Lexer::Arc& arc : arcs.list) {
            auto it = std::lower_bound(row.next.begin(), row.next.end(), std::pair{arc.byte, NodeId{0}});
            for (; it != row.next.end() && it->first == arc.byte; ++it) add_lexeme_child(sink, it->second, next, f.a, machine_.lexer.follow(f.a, arc));
        }
    }
}

// The lexeme may end almost everywhere: look only at places followed by a byte that can begin what comes next.
void Masker::cross_free_text(Sink& sink, FrameId frame) {
    const LexId start = machine_.frame(frame).a;
    const Config after = closure_after(frame);
    Config begun;
    for (int b = 0; b < 256; ++b) {
        machine_.step(after, static_cast<std::uint8_t>(b), begun);
        if (begun.empty()) continue;
        machine_.add_closure(begun);
        LexRows::Path path(start);
        for (NodeId n : sink.trie.nodes_of_byte(static_cast<std::uint8_t>(b))) {
            const std::int32_t state = path.at(machine_.lexer, sink.trie, sink.trie.parent(n));
            if (state < 0 || !machine_.lexer.nullable(static_cast<LexId>(state))) continue;
            sink.mark(n);
            add_frames(sink, n, begun);
        }
    }
}

// The tails that may follow a quote after which `config` reads on; of those with more quotes than asked for nothing is said.
// Behind a quote inside a tail comes a tail with fewer of them, so the questions end.
const Masker::TailSet& Masker::tails(const Config& config, std::uint32_t most_quotes) {
    auto it = tail_sets_.find(config);
    if (it == tail_sets_.end() || it->second.most_quotes < most_quotes) {
        const bool was_tainted = machine_.tainted, had_tainted_items = machine_.tainted_items;
        machine_.tainted = machine_.tainted_items = false;
        TailSet set{Words(trie_.tails().num_words())};
        Sink sink{trie_.tails(), tail_rows_, nullptr, &set.legal, most_quotes};
        walk(sink, config);
        set.most_quotes = sink.is_cut ? most_quotes : kAnyQuotes;
        set.is_tainted = machine_.tainted, set.has_tainted_items = machine_.tainted_items;
        machine_.tainted = was_tainted, machine_.tainted_items = had_tainted_items;
        if (tail_sets_.size() >= kMaxTailSets) tail_sets_.clear();
        it = tail_sets_.insert_or_assign(config, std::move(set)).first;
    }
    machine_.tainted |= it->second.is_tainted, machine_.tainted_items |= it->second.has_tainted_items;
    return it->second;
}

const Masker::TailSet& Masker::tails_after_quote(FrameId opener, std::uint32_t most_quotes) {
    Config inside;
    machine_.step({opener}, '"', inside);
    return tails(inside, most_quotes);
}

void Masker::add_frames(Sink& sink, NodeId node, const Config& config) {
    if (!sink.trie.has_children(node)) return;
    for (FrameId frame : config) {
        // in an ambiguous grammar many ways lead to the same place; few walks are long enough to pay for remembering it
        if (++sink.num_entered > kFewEntered && !sink.entered.insert((std::uint64_t(node) << 32) | frame).second) continue;
        add_frame(sink, node, frame);
    }
}

// What this frame reads below `node`, and what comes after it.
void Masker::add_frame(Sink& sink, NodeId node, FrameId frame) {
    const Frame f = machine_.frame(frame);
    switch (f.kind) {
        case FrameKind::Raw: return add_raw(sink, node, frame);
        case FrameKind::OpenText:
        case FrameKind::OpenKey:
            if (const NodeId quote = sink.trie.child(node, '"'))
                add_crossings(sink, sink.trie.crossings(quote), [&](std::uint32_t quotes) -> const TailSet& { return tails_after_quote(frame, quotes); });
            return;
        case FrameKind::Lex:
        case FrameKind::Text:
        case FrameKind::Key: return add_lexeme(sink, node, frame, f.a);
        default: return;  // the root reads nothing
    }
}

void Masker::add_raw(Sink& sink, NodeId node, FrameId frame) {
    const Frame f = machine_.frame(frame);
    const std::string& text = machine_.texts[f.a];
    for (std::size_t i = f.b; i < text.size(); ++i) {
        node = sink.trie.child(node, static_cast<std::uint8_t>(text[i]));
        if (node == Trie::kRoot) return;
        sink.mark(node);
    }
    if (sink.trie.has_children(node)) add_frames(sink, node, closure_after(frame));
}

// Walks the subtree of `node` inside the lexeme, and beyond where it may end after a byte at least.
void Masker::add_lexeme(Sink& sink, NodeId node, FrameId frame, LexId state) {
    const Lexer::Arcs arcs = machine_.lexer.arcs(state);
    if (arcs.form == Lexer::Form::Table || (arcs.form == Lexer::Form::Default && !is_between_characters(sink, node, state))) {
        for (NodeId child : sink.trie.children(node))
            add_lexeme_child(sink, child, frame, state, machine_.lexer.next(state, sink.trie.byte(child)));
        return;
    }
    NodeId from = node + 1;
    for (const Lexer::Arc& arc : arcs.list) {
        const NodeId child = sink.trie.child(node, arc.byte);
        if (child == Trie::kRoot) continue;
        if (arcs.form == Lexer::Form::Default) add_free(sink, from, child, frame, arcs.others);
        add_lexeme_child(sink, child, frame, state, machine_.lexer.follow(state, arc));
        from = sink.trie.end(child);
    }
    if (arcs.form == Lexer::Form::Default) add_free(sink, from, sink.trie.end(node), frame, arcs.others);
}

// Whether the table of free text, which reads from the root, reads below this node as the lexeme does.
bool Masker::is_between_characters(Sink& sink, NodeId node, LexId state) {
    const FreeText& free = sink.trie.free_text(machine_.lexer.spelling(state));
    return free.chars[node] != FreeText::kDead && free.is_whole[node];
}

// These nodes, all of them where any text may stand and what it comes to is `state`.
void Masker::add_free(Sink& sink, NodeId from, NodeId to, FrameId frame, LexId state) {
    const bool is_text = machine_.frame(frame).kind == FrameKind::Lex;
    const FreeText& free = sink.trie.free_text(machine_.lexer.spelling(state));
    if (sink.tails && !is_text) {  // the tails at a range of nodes are a range of ids
        const auto tails = sink.trie.tokens_between(from, to);
        if (!tails.empty()) sink.tails->add_range(*free.words, tails.front(), tails.back() + 1);
        for (auto it = std::lower_bound(free.quotes.begin(), free.quotes.end(), from); it != free.quotes.end() && *it < to; ++it)
            add_lexeme_child(sink, *it, frame, state, Lexer::kEnd);
        return;
    }
    for (NodeId n = from; n < to;) {
        if (free.chars[n] == FreeText::kDead) {
            if (std::binary_search(free.quotes.begin(), free.quotes.end(), n)) add_lexeme_child(sink, n, frame, state, Lexer::kEnd);
            n = sink.trie.end(n);
            continue;
        }
        sink.mark(n);
        if (is_text && free.is_whole[n] && sink.trie.has_children(n)) add_frames(sink, n, after_end(sink, frame, kAnyEnd));
        ++n;
    }
}

// What comes after a lexeme; of keys it matters in which state of the lexer they end.
const Config& Masker::after_end(Sink& sink, FrameId frame, LexId end) {
    const std::uint64_t key = (std::uint64_t(frame) << 32) | end;
    for (const auto& [of, after] : sink.after_end)  // they are few
        if (of == key) return after;
    Config after;
    if (machine_.frame(frame).kind == FrameKind::Key) machine_.complete_key(frame, end, kUnknownExtras, after);
    else machine_.leave(frame, after);
    machine_.add_closure(after);
    return sink.after_end.emplace_back(key, std::move(after)).second;
}

// `child` has been reached from `state` with the lexer's answer `next`.
void Masker::add_lexeme_child(Sink& sink, NodeId child, FrameId frame, LexId state, std::int32_t next) {
    if (next == Lexer::kEnd) {
        const bool is_key = machine_.frame(frame).kind == FrameKind::Key;
        const Config& after = after_end(sink, frame, is_key ? state : kAnyEnd);
        if (after.empty()) return;
        return add_crossings(sink, sink.trie.crossings(child), [&](std::uint32_t quotes) -> const TailSet& { return tails(after, quotes); });
    }
    if (next < 0) return;
    sink.mark(child);
    if (!sink.trie.has_children(child)) return;
    const auto at = static_cast<LexId>(next);
    if (machine_.lexer.nullable(at) && machine_.frame(frame).kind == FrameKind::Lex) add_frames(sink, child, after_end(sink, frame, kAnyEnd));
    add_lexeme(sink, child, frame, at);
}

}  // namespace guided
