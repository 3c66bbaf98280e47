#include "mask.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace guided {

namespace {

constexpr std::uint32_t kWorthKnowing = 8;  // nodes of a subtree for which a closed form is worth asking for
constexpr std::size_t kMaxExits = 20000;  // more places to end than this: the lexeme is free text

void set_bit(std::vector<std::int32_t>& words, std::int32_t token) {
    words[static_cast<std::size_t>(token) >> 5] |= static_cast<std::int32_t>(1u << (token & 31));
}

}  // namespace

void Row::write(std::int32_t* out, std::uint32_t num_words) const {
    if (!words.empty()) {
        std::memcpy(out, words.data(), num_words * sizeof(std::int32_t));
        return;
    }
    std::memset(out, 0, num_words * sizeof(std::int32_t));
    for (std::int32_t t : tokens) out[t >> 5] |= static_cast<std::int32_t>(1u << (t & 31));
}

void Masker::mark(NodeId node) {
    if (recorder_) recorder_->push_back(node);
    trie_.tokens_at(node, [&](std::int32_t t) { set_bit(scratch_, t); });
}

Row Masker::compute(const Config& config) {
    std::fill(scratch_.begin(), scratch_.end(), 0);
    machine_.tainted = machine_.tainted_items = false;
    active_.clear(), recorder_ = nullptr;  // an error may have ended the last walk anywhere
    if (!machine_.rules.empty()) walk_rules(config);
    else for (FrameId f : config) add_config(Trie::kRoot, f);
    if (machine_.tainted) verify(config, trie_.tokens_with_keys());
    if (machine_.tainted_items) verify(config, trie_.tokens_with_commas());
    if (machine_.is_accepting(config))
        for (std::int32_t t : trie_.eos_ids())
            if (t >= 0 && static_cast<std::uint32_t>(t) < trie_.num_tokens()) set_bit(scratch_, t);
    Row row;
    for (std::int32_t w : scratch_) row.count += static_cast<std::uint32_t>(std::popcount(static_cast<std::uint32_t>(w)));
    if (row.count > Row::kMaxShort) {
        row.words = scratch_;
        return row;
    }
    for (std::size_t w = 0; w < scratch_.size(); ++w)
        for (auto bits = static_cast<std::uint32_t>(scratch_[w]); bits; bits &= bits - 1)
            row.tokens.push_back(static_cast<std::int32_t>(w * 32) + std::countr_zero(bits));
    return row;
}

// A walk met a key or an item whose text it had not kept and then went on to another: ask the machine itself.
void Masker::verify(const Config& config, const std::vector<std::int32_t>& tokens) {
    Config at, next;
    for (std::int32_t token : tokens) {
        if (!((static_cast<std::uint32_t>(scratch_[static_cast<std::size_t>(token) >> 5]) >> (token & 31)) & 1)) continue;
        at = config;
        for (char c : *trie_.bytes_of(token)) {
            machine_.step(at, static_cast<std::uint8_t>(c), next);
            std::swap(at, next);
            if (at.empty()) break;
        }
        if (at.empty()) scratch_[static_cast<std::size_t>(token) >> 5] &= ~static_cast<std::int32_t>(1u << (token & 31));
    }
}

void Masker::add_all(NodeId node, const Config& configs) {
    for (FrameId f : configs) add_config(node, f);
}

void Masker::add_config(NodeId node, FrameId frame) {
    const std::pair here{node, frame};
    if (!trie_.has_children(node) || std::find(active_.begin(), active_.end(), here) != active_.end()) return;
    active_.push_back(here);
    const Frame f = machine_.frame(frame);
    switch (f.kind) {
        case FrameKind::Raw: {
            const std::string& text = machine_.texts[f.a];
            std::optional<NodeId> at = node;
            for (std::size_t i = f.b; at && i < text.size(); ++i) {
                at = trie_.child(*at, static_cast<std::uint8_t>(text[i]));
                if (at) mark(*at);
            }
            if (at) {
                Config after;
                machine_.leave(frame, after);
                add_all(*at, after);
            }
            break;
        }
        case FrameKind::OpenText:
        case FrameKind::OpenKey:
            if (const auto quote = trie_.child(node, '"')) {
                mark(*quote);
                Config inside;
                machine_.step({frame}, '"', inside);
                add_all(*quote, inside);
            }
            break;
        case FrameKind::Lex:
        case FrameKind::Text:
        case FrameKind::Key:
            if (node == Trie::kRoot && !recorder_) {
                const auto row = local_row(f.a);
                for (std::size_t i = 0; i < row->words.size(); ++i) scratch_[i] |= row->words[i];
                for (std::int32_t t : row->tokens) set_bit(scratch_, t);
                add_crossing(f, frame, *row);
            } else {
                add_lexeme(node, frame);
            }
            break;
        default: break;  // the root reads nothing
    }
    active_.pop_back();
}

// Walks the subtree of `node` inside the lexeme, and beyond where it may end.
void Masker::add_lexeme(NodeId node, FrameId frame) {
    const Frame f = machine_.frame(frame);
    const bool is_text = f.kind == FrameKind::Lex;
    Config after;
    bool has_after = false;
    auto leave_at = [&](NodeId n, LexId state) {
        if (is_text || f.kind == FrameKind::Text) {
            if (!has_after) machine_.leave(frame, after), has_after = true;
            add_all(n, Config(after));
        } else {
            add_all(n, after_key(frame, state));
        }
    };
    if (is_text && machine_.lexer.nullable(f.a)) leave_at(node, f.a);
    const std::uint32_t base = trie_.depth(node);
    std::vector<LexId> states{f.a};  // of the path below `node`
    for (NodeId n = node + 1; n < trie_.end(node);) {
        states.resize(trie_.depth(n) - base);
        const LexId state = states.back();
        const std::int32_t next = machine_.lexer.next(state, trie_.byte(n));
        if (next == Lexer::kEnd) mark(n), leave_at(n, state);
        if (next < 0) {
            n = trie_.end(n);
            continue;
        }
        mark(n);
        if (is_text && trie_.has_children(n) && machine_.lexer.nullable(static_cast<LexId>(next))) leave_at(n, static_cast<LexId>(next));
        states.push_back(static_cast<LexId>(next));
        ++n;
    }
}

std::shared_ptr<const LexRow> Masker::local_row(LexId exact) {
    Lexer& lexer = machine_.lexer;
    const LexId start = lexer.clamp(exact, trie_.max_token_bytes());
    const auto key = lexer.content_key(start);
    if (auto row = trie_.cached(key)) return row;
    auto row = std::make_shared<LexRow>();
    std::vector<std::int32_t> words(trie_.num_words());
    std::vector<std::pair<NodeId, NodeId>> free_parts;
    if (const auto counts = lexer.any_text(start)) {
        add_free_text(Trie::kRoot, lexer.spelling(start), *counts, words, *row, free_parts);
    } else {
        walk_lexeme(start, words, *row, free_parts);
    }
    fill_free_parts(trie_.free_text(lexer.spelling(start)), free_parts, words);
    std::uint32_t count = 0;
    for (std::int32_t w : words) count += static_cast<std::uint32_t>(std::popcount(static_cast<std::uint32_t>(w)));
    row->has_exits = lexer.spelling(start) != Spelling::Text || row->exits.size() <= kMaxExits;
    if (!row->has_exits) row->exits = {};
    if (count > Row::kMaxShort) {
        row->words = std::move(words);
    } else {
        for (std::size_t w = 0; w < words.size(); ++w)
            for (auto bits = static_cast<std::uint32_t>(words[w]); bits; bits &= bits - 1)
                row->tokens.push_back(static_cast<std::int32_t>(w * 32) + std::countr_zero(bits));
    }
    trie_.keep(key, row);
    return row;
}

void Masker::walk_lexeme(LexId start, std::vector<std::int32_t>& words, LexRow& row, Ranges& free_parts) {
    Lexer& lexer = machine_.lexer;
    const FreeText& free_text = trie_.free_text(lexer.spelling(start));
    const bool is_text = lexer.spelling(start) == Spelling::Text;
    std::vector<LexId> states{start};
    if (is_text && lexer.nullable(start)) row.exits.push_back(Trie::kRoot);
    for (NodeId n = 1; n < trie_.num_nodes();) {
        states.resize(trie_.depth(n));
        const std::int32_t next = lexer.next(states.back(), trie_.byte(n));
        if (next < 0) {
            if (next == Lexer::kEnd) row.exits.push_back(n);
            n = trie_.end(n);
            continue;
        }
        const auto state = static_cast<LexId>(next);
        trie_.tokens_at(n, [&](std::int32_t t) { set_bit(words, t); });
        if (is_text && trie_.has_children(n) && lexer.nullable(state)) row.exits.push_back(n);
        if (trie_.end(n) - n > kWorthKnowing && free_text.is_whole[n] && free_text.chars[n] != FreeText::kDead) {
            if (const auto rest = lexer.any_text(state)) {
                add_free_text(n, lexer.spelling(state), *rest, words, row, free_parts);
                n = trie_.end(n);
                continue;
            }
        }
        states.push_back(state);
        ++n;
    }
}

// The subtree of `node` where from `counts` characters on anything may come: a comparison for each node, no automaton.
void Masker::add_free_text(NodeId node, Spelling spelling, std::pair<std::uint32_t, std::uint32_t> counts,
                           std::vector<std::int32_t>& words, LexRow& row, Ranges& free_parts) {
    const FreeText& free = trie_.free_text(spelling);
    const std::uint32_t base = free.chars[node];
    const auto [least, most] = counts;
    const bool is_text = spelling == Spelling::Text;
    if (is_text && node == Trie::kRoot && least == 0) row.exits.push_back(node);
    if (most == kUnbounded) free_parts.push_back({node + 1, trie_.end(node)});
    for (NodeId n = node + 1; n < trie_.end(node) && (most != kUnbounded || is_text); ++n) {
        const std::uint32_t chars = free.chars[n];
        if (chars == FreeText::kDead || (most != kUnbounded && chars - base > most)) continue;
        if (most != kUnbounded) trie_.tokens_at(n, [&](std::int32_t t) { set_bit(words, t); });
        if (is_text && row.exits.size() <= kMaxExits && free.is_whole[n] && chars - base >= least && trie_.has_children(n))
            row.exits.push_back(n);
    }
    const auto first = std::lower_bound(free.quotes.begin(), free.quotes.end(), node + 1);
    for (auto it = first; it != free.quotes.end() && *it < trie_.end(node); ++it) {
        const std::uint32_t chars = free.chars[trie_.parent(*it)] - base;
        if (chars >= least && (most == kUnbounded || chars <= most)) row.exits.push_back(*it);
    }
}

// Adds all spellings in these ranges of nodes. Where they are most of the trie, what lies between them is taken away.
void Masker::fill_free_parts(const FreeText& free, const Ranges& parts, std::vector<std::int32_t>& words) {
    std::size_t covered = 0;
    for (const auto& [from, to] : parts) covered += to - from;
    auto each = [&](NodeId from, NodeId to, auto&& f) {
        for (NodeId n = from; n < to;) {
            if (free.chars[n] == FreeText::kDead) {
                n = trie_.end(n);
                continue;
            }
            trie_.tokens_at(n, f);
            ++n;
        }
    };
    if (2 * covered < trie_.num_nodes()) {
        for (const auto& [from, to] : parts) each(from, to, [&](std::int32_t t) { set_bit(words, t); });
        return;
    }
    std::vector<std::int32_t> all = free.words;
    NodeId at = 1;
    auto clear = [&](std::int32_t t) { all[static_cast<std::size_t>(t) >> 5] &= ~static_cast<std::int32_t>(1u << (t & 31)); };
    for (const auto& [from, to] : parts) each(at, from, clear), at = to;
    each(at, trie_.num_nodes(), clear);
    for (std::size_t w = 0; w < words.size(); ++w) words[w] |= all[w];
}

// The lexer's state at `node`, or kDead. Neighbours share most of their path, so it is kept from call to call.
std::int32_t Masker::Path::at(Lexer& lexer, const Trie& trie, NodeId node) {
    const std::uint32_t depth = trie.depth(node);
    nodes.resize(std::max<std::size_t>(nodes.size(), depth + 1), kNone);
    states.resize(nodes.size(), Lexer::kDead);
    std::uint32_t known = depth;
    for (NodeId n = node; known > 0 && nodes[known] != n; n = trie.parent(n), --known) nodes[known] = n;
    for (std::uint32_t d = known + 1; d <= depth; ++d)
        states[d] = states[d - 1] < 0 ? Lexer::kDead : lexer.next(static_cast<LexId>(states[d - 1]), trie.byte(nodes[d]));
    return states[depth];
}

Config Masker::after_key(FrameId frame, LexId end) {
    Config after;
    machine_.complete_key(frame, end, kUnknownExtras, after);
    return after;
}

void Masker::add_crossing(const Frame& f, FrameId frame, const LexRow& row) {
    using Shapes = std::unordered_map<std::uint32_t, std::vector<std::uint32_t>>;
    if (f.kind == FrameKind::Lex) {
        if (!row.has_exits) return add_crossing_of_free_text(f, frame);
        if (row.exits.empty()) return;
        Config after;
        machine_.leave(frame, after);
        for (NodeId exit : row.exits) add_all(exit, after);
        return;
    }
    if (f.kind == FrameKind::Text) {
        Config after;
        Shapes shapes;
        if (!row.exits.empty()) machine_.leave(frame, after);
        for (NodeId quote : row.exits) add_after_quote(quote, after, shapes);
        return;
    }
    std::unordered_map<LexId, std::pair<Config, Shapes>> by_end;
    Path path(f.a);
    for (NodeId quote : row.exits) {
        const auto end = static_cast<LexId>(path.at(machine_.lexer, trie_, trie_.parent(quote)));
        auto [it, fresh] = by_end.try_emplace(end);
        if (fresh) it->second.first = after_key(frame, end);
        add_after_quote(quote, it->second.first, it->second.second);
    }
}

// Equal subtrees have equal answers, so each shape is walked once.
void Masker::add_after_quote(NodeId quote, const Config& after, std::unordered_map<std::uint32_t, std::vector<std::uint32_t>>& shapes) {
    mark(quote);
    if (!trie_.has_children(quote)) return;
    auto [it, fresh] = shapes.try_emplace(trie_.quote_shape(quote));
    if (fresh) {
        std::vector<NodeId> marked;
        std::vector<NodeId>* outer = recorder_;
        recorder_ = &marked;
        add_all(quote, after);
        recorder_ = outer;
        for (NodeId n : marked) it->second.push_back(n - quote);
        return;
    }
    for (std::uint32_t offset : it->second) mark(quote + offset);
}

// The lexeme may end almost everywhere: look only at places followed by a byte that can begin what comes next.
void Masker::add_crossing_of_free_text(const Frame& f, FrameId frame) {
    Config after, closure, next;
    machine_.leave(frame, after);
    closure = after;
    machine_.add_closure(closure);
    for (int b = 0; b < 256; ++b) {
        machine_.step(closure, static_cast<std::uint8_t>(b), next);
        if (next.empty()) continue;
        const Config begun = next;
        Path path(f.a);
        for (NodeId n : trie_.nodes_of_byte(static_cast<std::uint8_t>(b))) {
            const std::int32_t state = path.at(machine_.lexer, trie_, trie_.parent(n));
            if (state < 0 || !machine_.lexer.nullable(static_cast<LexId>(state))) continue;
            mark(n);
            add_all(n, begun);
        }
    }
}

}  // namespace guided
