#include "lexer.hpp"

#include <algorithm>
#include <queue>
#include <tuple>

#include "errors.hpp"

namespace guided {

void Lexer::place_residual(std::uint32_t hash, std::uint32_t id) {
    const std::size_t mask = residual_slots_.size() - 1;
    std::size_t i = hash & mask;
    while (residual_slots_[i].id != kUnbounded) i = (i + 1) & mask;
    residual_slots_[i] = {hash, id};
}

std::uint32_t Lexer::intern_residual(Items wanted) {
    std::uint64_t mixed = wanted.size();
    for (const auto& [label, e] : wanted) mixed = (mixed ^ (std::uint64_t(label) << 32 | e)) * 0x9E3779B97F4A7C15ull, mixed ^= mixed >> 32;
    const auto hash = static_cast<std::uint32_t>(mixed);
    if (2 * (residuals_.size() + 1) > residual_slots_.size()) {
        BlockVector<Slot> old(std::max<std::size_t>(64, 2 * residual_slots_.size()), Slot{0, kUnbounded});
        old.swap(residual_slots_);
        for (const Slot& slot : old)
            if (slot.id != kUnbounded) place_residual(slot.hash, slot.id);
    }
    const std::size_t mask = residual_slots_.size() - 1;
    for (std::size_t i = hash & mask; residual_slots_[i].id != kUnbounded; i = (i + 1) & mask)
        if (residual_slots_[i].hash == hash && std::ranges::equal(items(residual_slots_[i].id), wanted)) return residual_slots_[i].id;
    const std::uint32_t id = add_residual(wanted);  // may throw
    place_residual(hash, id);
    return id;
}

std::uint32_t Lexer::add_residual(Items wanted) {
    Residual r{};
    next_sets_.clear();
    for (const auto& [label, e] : wanted) {
        pool_.add_firsts(e, next_sets_);
        r.accepts = r.accepts || pool_.nullable(e);
        r.is_total = r.is_total || pool_.is_total(e);
    }
    std::sort(next_sets_.begin(), next_sets_.end());
    next_sets_.erase(std::unique(next_sets_.begin(), next_sets_.end()), next_sets_.end());
    r.partition = &pool_.partition(next_sets_);
    const auto any = wanted.size() == 1 ? pool_.any_text(wanted[0].second) : std::nullopt;
    r.is_free = any && any->first == 0 && any->second == kUnbounded;
    r.boundary = {kUnknown, kUnknown, kUnknown}, r.beyond_ascii = kUnknown, r.best_cost = kUnbounded;
    r.first_item = static_cast<std::uint32_t>(items_.size()), r.num_items = static_cast<std::uint32_t>(wanted.size());
    r.first_target = static_cast<std::uint32_t>(targets_.size());
    items_.insert(items_.end(), wanted.begin(), wanted.end());
    targets_.resize(targets_.size() + r.partition->num_classes(), kUnknown);
    residuals_.push_back(r);
    return static_cast<std::uint32_t>(residuals_.size() - 1);
}

LexId Lexer::add_state(std::uint32_t residual, Partial partial, Spelling spelling) {
    if (states_.size() >= limits_.max_states) throw TooComplex("states of lexical automata", limits_.max_states, "max_states");
    states_.push_back({residual, partial, spelling});
    return static_cast<LexId>(states_.size() - 1);
}

LexId Lexer::intern_state(std::uint32_t residual, Partial partial, Spelling spelling) {
    if (partial == 0) return boundary(residual, spelling);
    FlatMap& ids = state_ids_[static_cast<std::size_t>(spelling)];
    const std::uint64_t key = (std::uint64_t(residual) << 32) | partial;
    if (const std::uint32_t known = ids.find(key); known != FlatMap::kMissing) return known;
    const LexId id = add_state(residual, partial, spelling);
    ids.insert(key, id);
    return id;
}

std::int32_t Lexer::start(const Labelled& items, Spelling spelling) {
    Labelled alive;
    for (auto [label, e] : items)
        if (pool_.nonempty(e)) alive.push_back({label, e});
    if (alive.empty()) return kDead;
    return static_cast<std::int32_t>(intern_state(intern_residual(alive), 0, spelling));
}

std::int32_t Lexer::target(std::uint32_t residual, std::uint32_t cls) {
    const std::size_t slot = residuals_[residual].first_target + cls;
    if (targets_[slot] != kUnknown) return targets_[slot];
    const Partition& p = *residuals_[residual].partition;
    if (p.chars(cls).empty()) return targets_[slot] = kDead;
    const std::uint32_t c = p.representative(cls);
    next_items_.clear();
    for (auto [label, e] : items(residual)) {
        const ExprId d = pool_.derive(e, c);
        if (d != ExprPool::kEmpty && pool_.nonempty(d)) next_items_.push_back({label, d});
    }
    return targets_[slot] = next_items_.empty() ? kDead : static_cast<std::int32_t>(intern_residual(next_items_));
}

bool Lexer::can_become(std::uint32_t residual, Chars chars) {
    const Partition& p = *residuals_[residual].partition;
    for (std::uint32_t cls = 0; cls < p.num_classes(); ++cls)
        if (intersects(p.chars(cls), chars) && target(residual, cls) >= 0) return true;
    return false;
}

const CharSet& Lexer::chars_of(Spelling spelling, Partial partial) {
    const std::uint64_t key = (std::uint64_t(partial) << 2) | static_cast<std::uint64_t>(spelling);
    if (const std::uint32_t known = char_set_ids_.find(key); known != FlatMap::kMissing) return char_sets_[known];
    char_set_ids_.insert(key, static_cast<std::uint32_t>(char_sets_.size()));
    return char_sets_.emplace_back(possible_chars(spelling, partial));
}

LexId Lexer::boundary(std::uint32_t residual, Spelling spelling) {
    std::int32_t& slot = residuals_[residual].boundary[static_cast<std::size_t>(spelling)];
    if (slot == kUnknown) slot = static_cast<std::int32_t>(add_state(residual, 0, spelling));
    return static_cast<LexId>(slot);
}

std::int32_t Lexer::compute_next(LexId state, std::uint8_t byte) {
    const auto [residual, partial, spelling] = std::tuple(states_[state].residual, states_[state].partial, states_[state].spelling);
    if (spelling != Spelling::Text && partial == 0 && byte == '"')
        return residuals_[residual].accepts ? kEnd : kDead;
    const SpellStep step = spell_step(spelling, partial, byte);
    if (step.kind == SpellStep::Dead) return kDead;
    if (step.kind == SpellStep::Char) {
        const std::int32_t to = target(residual, residuals_[residual].partition->class_of(step.value));
        return to < 0 ? kDead : static_cast<std::int32_t>(boundary(static_cast<std::uint32_t>(to), spelling));
    }
    if (!can_become(residual, chars_of(spelling, step.value))) return kDead;
    return static_cast<std::int32_t>(intern_state(residual, step.value, spelling));
}

namespace {

// Whether the byte is a character as it is.
bool is_plain(Spelling spelling, std::uint8_t byte) {
    return byte < 0x80 && (spelling == Spelling::Text || (byte >= 0x20 && byte != '"' && byte != '\\'));
}

// The bytes that spell characters of this set as they are: ASCII, and neither a quote nor a backslash in a JSON string.
template <typename F>
void each_plain_byte(Chars chars, bool is_json, F&& use) {
    for (const Range& r : chars)
        for (std::uint32_t c = is_json ? std::max(r.lo, 0x20u) : r.lo; c <= r.hi && c < 0x80; ++c)
            if (!is_json || (c != '"' && c != '\\')) use(static_cast<std::uint8_t>(c));
}

}  // namespace

// Between two characters: the bytes that lead elsewhere than to the state where all others lead, if that is free and they
// are few.
bool Lexer::list_default(LexId state, std::vector<Arc>& out) {
    const std::int32_t others = state_beyond_ascii(state);
    if (others < 0 || !is_free(static_cast<LexId>(others))) return false;
    const auto [residual, spelling] = std::pair(states_[state].residual, states_[state].spelling);
    const bool is_json = spelling != Spelling::Text;
    const auto free_residual = static_cast<std::int32_t>(states_[static_cast<LexId>(others)].residual);
    const Partition& p = *residuals_[residual].partition;
    for (std::uint32_t cls = 0; cls < p.num_classes(); ++cls) {
        const std::int32_t to = target(residual, cls);
        if (to == free_residual) continue;
        const std::int32_t at = to < 0 ? kDead : static_cast<std::int32_t>(boundary(static_cast<std::uint32_t>(to), spelling));
        each_plain_byte(p.chars(cls), is_json, [&](std::uint8_t b) { out.push_back({b, at}); });
        if (out.size() > kMostBesideDefault) return false;
    }
    if (is_json) out.push_back({'"', residuals_[residual].accepts ? kEnd : kDead}), out.push_back({'\\', kAsk});
    return true;
}

// Between two characters: the bytes that may come, if they are few.
bool Lexer::list_between_characters(LexId state, std::vector<Arc>& out) {
    const auto [residual, spelling] = std::pair(states_[state].residual, states_[state].spelling);
    const Partition& p = *residuals_[residual].partition;
    const bool is_json = spelling != Spelling::Text;
    bool is_live = false;
    CharSet beyond_ascii;
    for (std::uint32_t cls = 0; cls < p.num_classes(); ++cls) {
        const std::int32_t to = target(residual, cls);
        if (to < 0) continue;
        is_live = true;
        for (const Range& r : p.chars(cls))
            if (r.hi >= 0x80) beyond_ascii.push_back({std::max(r.lo, 0x80u), r.hi});
        const auto at = static_cast<std::int32_t>(boundary(static_cast<std::uint32_t>(to), spelling));
        each_plain_byte(p.chars(cls), is_json, [&](std::uint8_t b) { out.push_back({b, at}); });
        if (out.size() > kMostFew) return false;
    }
    if (is_json && residuals_[residual].accepts) out.push_back({'"', kEnd});
    if (is_json && is_live) out.push_back({'\\', kAsk});
    std::sort(beyond_ascii.begin(), beyond_ascii.end(), [](const Range& x, const Range& y) { return x.lo < y.lo; });
    std::uint32_t last = 0x7F;  // first byte of a character that has been listed
    for (const Range& r : beyond_ascii)
        for (std::uint32_t b = std::max<std::uint32_t>(first_byte(r.lo), last + 1); b <= first_byte(r.hi); last = b++) {
            out.push_back({static_cast<std::uint8_t>(b), kAsk});
            if (out.size() > kMostFew) return false;
        }
    return true;
}

void Lexer::list_escape(LexId state, std::vector<Arc>& out) const {
    for (char b : escape_bytes(states_[state].partial)) out.push_back({static_cast<std::uint8_t>(b), kAsk});
}

const Lexer::Arc* Lexer::stored(const std::vector<Arc>& arcs) {
    if (arcs.empty()) return nullptr;
    if (num_last_arcs_ + arcs.size() > kArcsInList) {
        arc_lists_.push_back(std::make_unique_for_overwrite<Arc[]>(kArcsInList));
        num_last_arcs_ = 0;
    }
    Arc* const out = arc_lists_.back().get() + num_last_arcs_;
    std::copy(arcs.begin(), arcs.end(), out);
    num_last_arcs_ += arcs.size();
    return out;
}

void Lexer::find_form(LexId state) {
    std::vector<Arc> found = std::move(found_arcs_);
    auto lists = [&](bool (Lexer::*list)(LexId, std::vector<Arc>&)) { return found.clear(), (this->*list)(state, found); };
    Form form = Form::Table;
    if (is_escape(states_[state].partial)) form = Form::Few, found.clear(), list_escape(state, found);
    else if (lists(&Lexer::list_default)) form = Form::Default;
    else if (lists(&Lexer::list_between_characters)) form = Form::Few;
    State& s = states_[state];
    s.form = form;
    if (form == Form::Table) {
        s.table = kNoTable;
        if (tables_.size() >= kMostTables) return void(found_arcs_ = std::move(found));
        s.table = static_cast<std::uint32_t>(tables_.size());
        tables_.push_back(std::make_unique<std::array<std::int32_t, 256>>());
        tables_.back()->fill(kUnknown);
    } else {
        std::sort(found.begin(), found.end(), [](const Arc& x, const Arc& y) { return x.byte < y.byte; });
        s.num_arcs = static_cast<std::uint8_t>(found.size()), s.arcs = stored(found);
    }
    found_arcs_ = std::move(found);
}

Lexer::Arcs Lexer::arcs(LexId state) {
    if (states_[state].partial != 0 && !is_escape(states_[state].partial)) return {Form::Table};
    if (states_[state].form == Form::Unknown) find_form(state);
    const State& s = states_[state];
    if (s.form == Form::Table) return {Form::Table};
    return {s.form, {s.arcs, s.num_arcs}, s.form == Form::Default ? static_cast<LexId>(state_beyond_ascii(state)) : 0};
}

std::int32_t Lexer::next(LexId state, std::uint8_t byte) {
    const State& s = states_[state];
    if (s.form == Form::Table && s.table != kNoTable) {
        const std::uint32_t table = s.table;
        if ((*tables_[table])[byte] == kUnknown) (*tables_[table])[byte] = compute_next(state, byte);
        return (*tables_[table])[byte];
    }
    if (s.form == Form::Few || (s.form == Form::Default && byte < 0x80)) {
        const auto arcs = std::span(s.arcs, s.num_arcs);
        const auto arc = std::find_if(arcs.begin(), arcs.end(), [&](const Arc& a) { return a.byte == byte; });
        if (arc == arcs.end()) {
            const bool is_dead = s.form == Form::Few || (byte < 0x20 && s.spelling != Spelling::Text);
            return is_dead ? kDead : state_beyond_ascii(state);
        }
        if (arc->to != kAsk) return arc->to;
    }
    if (s.partial == 0 && is_plain(s.spelling, byte)) {  // its class tells, without a form or a table
        const auto [residual, spelling] = std::pair(s.residual, s.spelling);
        const std::int32_t to = target(residual, residuals_[residual].partition->class_of(byte));
        return to < 0 ? kDead : static_cast<std::int32_t>(boundary(static_cast<std::uint32_t>(to), spelling));
    }
    if (s.form == Form::Unknown && s.partial == 0 && num_classes(s.residual) <= 4) {  // soon found; else only a row needs it
        find_form(state);
        return next(state, byte);
    }
    const std::uint64_t key = (std::uint64_t(state) << 8) | byte;
    if (const std::uint32_t known = single_.find(key); known != FlatMap::kMissing) return static_cast<std::int32_t>(known) + kEnd;
    const std::int32_t to = compute_next(state, byte);
    single_.insert(key, static_cast<std::uint32_t>(to - kEnd));
    return to;
}

std::int32_t Lexer::landing(LexId state) {
    const auto [residual, partial, spelling] = std::tuple(states_[state].residual, states_[state].partial, states_[state].spelling);
    if (partial == 0) return static_cast<std::int32_t>(state);
    if (states_[state].landing != kUnknown) return states_[state].landing;
    const CharSet& chars = chars_of(spelling, partial);
    const Partition& p = *residuals_[residual].partition;
    std::int32_t to = kUnknown;
    for (std::uint32_t cls = 0; cls < p.num_classes() && to != kDead; ++cls) {
        if (!intersects(p.chars(cls), chars)) continue;
        const std::int32_t here = target(residual, cls);
        to = to == kUnknown || to == here ? here : kDead;
    }
    return states_[state].landing = to < 0 ? kDead : static_cast<std::int32_t>(boundary(static_cast<std::uint32_t>(to), spelling));
}

std::int32_t Lexer::state_beyond_ascii(LexId state) {
    if (states_[state].partial != 0) return kDead;
    const std::uint32_t residual = states_[state].residual;
    std::int32_t& slot = residuals_[residual].beyond_ascii;
    if (slot == kUnknown) {
        const Partition& p = *residuals_[residual].partition;
        const std::uint32_t cls = p.class_of(128);  // all in one class: it is the last piece that reaches this far down
        const std::int32_t to = p.last_piece() <= 128 ? target(residual, cls) : kDead;
        residuals_[residual].beyond_ascii = to;
    }
    const std::int32_t to = residuals_[residual].beyond_ascii;
    return to < 0 ? kDead : static_cast<std::int32_t>(boundary(static_cast<std::uint32_t>(to), states_[state].spelling));
}

std::optional<Lexer::Run> Lexer::run(LexId state) {
    const Items items = this->items(states_[state].residual);
    if (states_[state].partial != 0 || items.size() != 1) return std::nullopt;
    const auto run = pool_.run(items[0].second);
    if (!run) return std::nullopt;
    const Labelled unbounded{{items[0].first, pool_.repeat(run->chars, 0, kUnbounded)}};
    return Run{boundary(intern_residual(unbounded), states_[state].spelling), run->min, run->max};
}

std::optional<Lexer::Cut> Lexer::cut(LexId state) {
    const Items items = this->items(states_[state].residual);
    if (states_[state].partial != 0 || items.size() != 1) return std::nullopt;
    const Label label = items[0].first;
    const auto bounded = pool_.bounded(items[0].second);
    const std::uint32_t need = bounded ? pool_.most_needed(bounded->rest) : kUnbounded;
    if (need == kUnbounded) return std::nullopt;
    const Labelled rest{{label, bounded->rest}};
    return Cut{boundary(intern_residual(rest), states_[state].spelling), bounded->max, need};
}

std::pair<LexId, LexId> Lexer::bracket(LexId state) {
    const Items items = this->items(states_[state].residual);
    if (states_[state].partial != 0 || items.size() != 1) return {state, state};
    const auto [label, e] = items[0];
    const ExprId fewer = pool_.recounted(e, kSoonTold, false);
    if (fewer == e) return {state, state};
    const Spelling spelling = states_[state].spelling;
    const Labelled few{{label, fewer}}, more{{label, pool_.recounted(e, kSoonTold, true)}};
    const LexId low = boundary(intern_residual(few), spelling);
    return {low, boundary(intern_residual(more), spelling)};
}

std::uint32_t Lexer::least_left(LexId state) {
    const auto [residual, partial, spelling] = std::tuple(states_[state].residual, states_[state].partial, states_[state].spelling);
    const auto least = [&](std::uint32_t of) {
        std::uint32_t out = kUnbounded;
        for (const auto& [label, e] : items(of)) out = std::min(out, pool_.least(e));
        return out;
    };
    if (partial == 0) return least(residual);
    std::uint32_t out = kUnbounded;
    for (std::uint32_t cls = 0; cls < num_classes(residual); ++cls) {
        if (!intersects(residuals_[residual].partition->chars(cls), chars_of(spelling, partial))) continue;
        if (const std::int32_t to = target(residual, cls); to >= 0) out = std::min(out, least(static_cast<std::uint32_t>(to)));
    }
    return out;
}

// No character leads to nothing from here, nor from anywhere that it leads to.
bool Lexer::is_total(LexId state) {
    const std::uint32_t residual = states_[state].residual;
    if (residuals_[residual].is_total || residuals_[residual].knows_total) return residuals_[residual].is_total;
    std::vector<std::pair<std::uint32_t, std::size_t>> seen{{residual, 0}};  // with who led there
    auto is_not = [&](std::size_t at) {  // nor are those on the way to it
        for (; at != 0; at = seen[at].second) residuals_[seen[at].first].knows_total = true;
        residuals_[residual].knows_total = true;
        return false;
    };
    for (std::size_t i = 0; i < seen.size(); ++i) {
        const std::uint32_t at = seen[i].first;
        for (std::uint32_t cls = 0; cls < num_classes(at); ++cls) {
            if (residuals_[at].partition->chars(cls).empty()) continue;
            const std::int32_t to = target(at, cls);
            if (to < 0) return is_not(i);
            const auto next = static_cast<std::uint32_t>(to);
            if (residuals_[next].is_total || std::any_of(seen.begin(), seen.end(), [&](const auto& s) { return s.first == next; })) continue;
            if (residuals_[next].knows_total) return is_not(i);
            if (seen.size() == kMostTotal) return is_not(0);
            seen.push_back({next, i});
        }
    }
    for (const auto& [r, from] : seen) residuals_[r].is_total = true;
    return true;
}

LexId Lexer::usual_next(LexId state) {
    const std::uint32_t residual = states_[state].residual;
    const Partition& p = *residuals_[residual].partition;
    LexId usual = state;
    std::uint32_t most = 0;
    for (std::uint32_t cls = 0; cls < p.num_classes(); ++cls) {
        std::uint32_t num = 0;
        for (const Range& r : p.chars(cls)) num += r.lo < 0x80 ? std::min(r.hi, 0x7Fu) - r.lo + 1 : 0;
        if (num <= most) continue;
        if (const std::int32_t to = target(residual, cls); to >= 0) usual = boundary(static_cast<std::uint32_t>(to), states_[state].spelling), most = num;
    }
    return usual;
}

const Lexer::Bytes* Lexer::loop(LexId state) {
    if (states_[state].partial != 0) return nullptr;
    auto [it, fresh] = loops_.try_emplace(state);
    if (!fresh) return it->second.get();
    const auto [residual, spelling] = std::pair(states_[state].residual, states_[state].spelling);
    const Partition& p = *residuals_[residual].partition;
    Bytes bytes;
    CharSet others;  // the characters that lead elsewhere
    for (std::uint32_t cls = 0; cls < p.num_classes(); ++cls)
        if (target(residual, cls) != static_cast<std::int32_t>(residual)) others = unite(others, p.chars(cls));
    for (std::uint32_t b = spelling == Spelling::Text ? 0 : 0x20; b < 128; ++b) bytes[b] = !contains(others, b);
    for (std::uint32_t b = 0x80; b < 0xC0; ++b) bytes[b] = true;  // they only go on with what has begun
    for (std::uint32_t b = 0xC2; b <= 0xF4; ++b) {
        const SpellStep step = spell_step(spelling, 0, static_cast<std::uint8_t>(b));
        bytes[b] = step.kind == SpellStep::More && !intersects(chars_of(spelling, step.value), others);
    }
    if (spelling != Spelling::Text) bytes['"'] = true, bytes['\\'] = others.empty();
    auto& slot = loops_[state];
    if (bytes.count() > 64 + 16) slot = std::make_unique<const Bytes>(bytes);
    return slot.get();
}

std::vector<std::uint8_t> Lexer::bytes_out_of(LexId state, const Bytes& loop) {
    const auto [residual, spelling] = std::pair(states_[state].residual, states_[state].spelling);
    const Partition& p = *residuals_[residual].partition;
    const bool is_json = spelling != Spelling::Text;
    std::vector<std::uint8_t> out;
    bool is_live_beyond_ascii = false;
    for (std::uint32_t cls = 0; cls < p.num_classes(); ++cls) {
        const std::int32_t to = target(residual, cls);
        if (to < 0) continue;
        is_live_beyond_ascii = is_live_beyond_ascii || p.chars(cls).back().hi >= 0x80;
        if (to != static_cast<std::int32_t>(residual)) each_plain_byte(p.chars(cls), is_json, [&](std::uint8_t b) { out.push_back(b); });
    }
    if (is_json && !loop['\\']) out.push_back('\\');
    for (std::uint32_t b = 0xC2; is_live_beyond_ascii && b <= 0xF4; ++b)
        if (!loop[b] && next(state, static_cast<std::uint8_t>(b)) != kDead) out.push_back(static_cast<std::uint8_t>(b));
    return out;
}

bool Lexer::nullable(LexId state) const {
    const State& s = states_[state];
    return s.partial == 0 && residuals_[s.residual].accepts;
}

std::vector<Label> Lexer::labels(LexId state) const {
    std::vector<Label> out;
    for (auto [label, e] : items(states_[state].residual))
        if (pool_.nullable(e)) out.push_back(label);
    return out;
}

bool Lexer::has_labels(LexId state, Label bits) const {
    const Items items = this->items(states_[state].residual);
    return std::any_of(items.begin(), items.end(), [&](const auto& item) { return (item.first & bits) == bits; });
}

LexId Lexer::end_of_one_label(LexId state) {
    const Labelled end{{items(states_[state].residual)[0].first, ExprPool::kEpsilon}};
    return boundary(intern_residual(end), states_[state].spelling);
}

bool Lexer::is_finished(LexId state) const {
    const State& s = states_[state];
    const Items items = this->items(s.residual);
    return s.partial == 0 && items.size() == 1 && items[0].second == ExprPool::kEpsilon;
}

std::optional<std::pair<std::uint32_t, std::uint32_t>> Lexer::any_text(LexId state) const {
    const Items items = this->items(states_[state].residual);
    if (states_[state].partial != 0 || items.size() != 1) return std::nullopt;
    return pool_.any_text(items[0].second);
}

namespace {

// The cheapest character of a class to spell; plain letters first, so that what is made up reads well.
std::uint32_t cheapest(Chars chars, Spelling spelling) {
    static constexpr Range kNice[] = {{'a', 'z'}, {'0', '9'}, {'A', 'Z'}, {0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x7E}};
    for (const Chars nice : {Chars(kNice, 1), Chars(kNice + 1, 1), Chars(kNice + 2, 1), Chars(kNice + 3, 3)})
        if (const auto both = first_shared(chars, nice)) return *both;
    std::uint32_t best = chars.front().lo;
    for (const Range& r : chars)
        for (std::uint32_t c : {r.lo, r.hi})
            if (spell_rest(spelling, 0, c).size() < spell_rest(spelling, 0, best).size()) best = c;
    return best;
}

}  // namespace

constexpr std::size_t kMaxSearched = 5000, kPerCharacter = 16;

// A* over residuals, by the least number of characters that an expression still needs. What it learns stays in the
// residuals of the way found.
void Lexer::find_shortest(std::uint32_t residual, Spelling spelling) {
    struct Seen {
        std::uint32_t cost, from, c;
    };
    using Entry = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>;  // (cost + least left, least left, residual)
    auto left = [&](std::uint32_t at) {
        std::uint32_t out = kUnbounded;
        for (const auto& [label, e] : items(at)) out = std::min(out, pool_.least(e));
        return out;
    };
    const std::size_t most = kMaxSearched + kPerCharacter * left(residual);
    std::unordered_map<std::uint32_t, Seen> seen{{residual, {0, residual, 0}}};
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    queue.push({left(residual), left(residual), residual});
    while (!queue.empty()) {
        const auto [estimate, least, at] = queue.top();  // of equal estimates the one nearest to the end
        const std::uint32_t cost = estimate - least;
        queue.pop();
        if (cost > seen[at].cost) continue;
        if (residuals_[at].accepts || residuals_[at].best_cost != kUnbounded) {
            if (residuals_[at].accepts) residuals_[at].best_cost = 0;
            for (std::uint32_t to = at; to != residual;) {
                const Seen& s = seen[to];
                Residual& r = residuals_[s.from];
                r.best_char = s.c, r.best_next = to;
                r.best_cost = residuals_[to].best_cost + (s.cost - seen[s.from].cost);
                to = s.from;
            }
            return;
        }
        for (std::uint32_t cls = 0; cls < num_classes(at); ++cls) {
            const std::int32_t to = target(at, cls);
            if (to < 0) continue;
            const std::uint32_t c = cheapest(residuals_[at].partition->chars(cls), spelling);
            const auto next_cost = cost + static_cast<std::uint32_t>(spell_rest(spelling, 0, c).size());
            const auto id = static_cast<std::uint32_t>(to);
            auto [it, fresh] = seen.try_emplace(id, Seen{next_cost, at, c});
            if (!fresh && it->second.cost <= next_cost) continue;
            if (seen.size() > most) throw TooComplex("states explored to find the shortest text of a pattern", kMaxSearched);
            it->second = {next_cost, at, c};
            queue.push({next_cost + left(id), left(id), id});
        }
    }
}

std::string Lexer::shortest_from(std::uint32_t residual, Spelling spelling) {
    std::string out;
    if (residuals_[residual].best_cost == kUnbounded) find_shortest(residual, spelling);
    while (!residuals_[residual].accepts) {
        if (residuals_[residual].best_cost == kUnbounded) find_shortest(residual, spelling);
        const Residual& r = residuals_[residual];
        out += spell_rest(spelling, 0, r.best_char);
        residual = r.best_next;
    }
    return out;
}

std::string Lexer::shortest(LexId state) {
    const auto [residual, partial, spelling] = std::tuple(states_[state].residual, states_[state].partial, states_[state].spelling);
    if (partial == 0) return shortest_from(residual, spelling);
    const CharSet chars = possible_chars(spelling, partial);
    std::string best;
    for (std::uint32_t cls = 0; cls < num_classes(residual); ++cls) {
        const CharSet both = intersect(residuals_[residual].partition->chars(cls), chars);
        if (both.empty()) continue;
        const std::int32_t to = target(residual, cls);
        if (to < 0) continue;
        std::uint32_t c = both.front().lo;
        for (std::uint32_t easy : {'n', '"', '\\'})  // after a backslash these take one byte
            if (const std::uint32_t v = easy == 'n' ? '\n' : easy; contains(both, v)) c = v;
        const std::string way = spell_rest(spelling, partial, c) + shortest_from(static_cast<std::uint32_t>(to), spelling);
        if (best.empty() || way.size() < best.size()) best = way;
    }
    return best;
}

LexId Lexer::clamp(LexId state, std::uint32_t horizon) {
    const std::uint64_t key = (std::uint64_t(state) << 32) | horizon;
    if (const std::uint32_t known = clamped_.find(key); known != FlatMap::kMissing) return known;
    const auto [residual, partial, spelling] = std::tuple(states_[state].residual, states_[state].partial, states_[state].spelling);
    const Items exact = this->items(residual);
    Labelled items(exact.begin(), exact.end());
    if (items.size() == 1) {
        items[0].first = 0;
        items[0].second = pool_.clamp(items[0].second, horizon);
    }
    const LexId out = intern_state(intern_residual(items), partial, spelling);
    clamped_.insert(key, out);
    return out;
}

std::array<std::uint64_t, 3> Lexer::content_key(LexId state) const {
    const State& s = states_[state];
    std::array<std::uint64_t, 3> key{0, 0, (std::uint64_t(s.partial) << 2) | static_cast<std::uint64_t>(s.spelling)};
    for (auto [label, e] : items(s.residual)) {  // labels do not matter to which bytes are legal
        const Hash128 h = pool_.content_hash(e);
        key[0] += h.lo * 0x9E3779B97F4A7C15ull + (h.hi ^ (h.lo >> 29));
        key[1] += h.hi * 0xC2B2AE3D27D4EB4Full + (h.lo ^ (h.hi >> 31));
    }
    return key;
}

}  // namespace guided
