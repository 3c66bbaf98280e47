#include "machine.hpp"

#include <algorithm>

#include "errors.hpp"

namespace guided {

void sort_unique(Config& config) {
    if (config.size() < 2) return;
    std::sort(config.begin(), config.end());
    config.erase(std::unique(config.begin(), config.end()), config.end());
}

namespace {

constexpr std::uint32_t kMaxCharacters = 125'000;
constexpr std::uint64_t kMaxShortest = 125'000;

}  // namespace

void Machine::add(Config& config, FrameId f) const {
    if (std::find(config.begin(), config.end(), f) != config.end()) return;
    if (config.size() >= limits.max_readings) throw TooComplex("readings of one text kept side by side", limits.max_readings, "max_readings");
    config.push_back(f);
}

std::uint64_t Machine::hash(const Frame& f) {
    std::uint64_t h = static_cast<std::uint64_t>(f.kind) + (std::uint64_t(f.parent) << 32);
    h = (h ^ f.a ^ (std::uint64_t(f.b) << 32)) * 0x9E3779B97F4A7C15ull;
    h = (h ^ (h >> 29) ^ f.c ^ (std::uint64_t(f.capture) << 32) ^ (std::uint64_t(f.depth) << 17)) * 0xFF51AFD7ED558CCDull;
    return h ^ (h >> 32);
}

Machine::Machine(const Limits& limits)
    : limits(limits), pool(this->limits), lexer(pool, this->limits), schemas(pool, lexer, this->limits), rules(nodes, lexer, pool) {
    frames_.push_back({FrameKind::Root, 0, 0, 0, 0, 0, 0});
}

FrameId Machine::intern(Frame f) {
    if (2 * (frames_.size() + 1) > slots_.size()) grow_slots();
    std::size_t at = hash(f) & (slots_.size() - 1);
    for (; slots_[at]; at = (at + 1) & (slots_.size() - 1))
        if (frames_[slots_[at] - 1] == f) return slots_[at] - 1;
    frames_.push_back(f);
    slots_[at] = static_cast<FrameId>(frames_.size());
    return slots_[at] - 1;
}

void Machine::grow_slots() {
    slots_.assign(std::max<std::size_t>(64, 2 * slots_.size()), 0);
    for (FrameId id = 0; id < frames_.size(); ++id) {
        std::size_t at = hash(frames_[id]) & (slots_.size() - 1);
        while (slots_[at]) at = (at + 1) & (slots_.size() - 1);
        slots_[at] = id + 1;
    }
}

void Machine::read(Frame f, Config& out) {
    f.capture = capture_;
    add(out, intern(f));
}

std::uint32_t Machine::captured(std::uint32_t capture, std::uint8_t byte) {
    if (capture == kNoCapture || capture == kUnknownCapture) return capture;
    auto [it, fresh] = capture_ids_.try_emplace((std::uint64_t(capture) << 8) | byte, static_cast<std::uint32_t>(captures_.size()));
    if (fresh) captures_.push_back({capture, captures_[capture].length + 1, static_cast<char>(byte)});
    return it->second;
}

std::string Machine::capture_text(std::uint32_t capture, std::uint32_t from) const {
    std::string out(captures_[capture].length - from, '\0');
    for (std::size_t i = out.size(); i-- > 0; capture = captures_[capture].before) out[i] = captures_[capture].byte;
    return out;
}

void Machine::push_lexeme(FrameKind kind, LexId state, std::uint32_t b, FrameId parent, Config& out) {
    // with rules all that ends at one place is settled together, when the next byte comes
    if (kind == FrameKind::Lex && rules.empty() && lexer.is_finished(state)) return complete(parent, out);
    read({kind, state, b, 0, 0, parent}, out);
}

void Machine::layout_lexeme(std::uint32_t layout, Layout::Part part, std::uint32_t depth, FrameId parent, Config& out) {
    push_lexeme(FrameKind::Lex, static_cast<LexId>(schemas.layout_lexeme(layout, part, depth)), 0, parent, out);
}

void Machine::finish(std::uint32_t root_node) {
    root = root_node;
    for (const GrammarNode& n : nodes)
        if (n.kind == GrammarNode::Lexeme && pool.least(n.a) > kMaxCharacters) throw TooComplex("characters of a shortest text", kMaxCharacters);
    if (!rules.empty()) rules.solve();
    auto plus = [](std::uint64_t x, std::uint64_t y) { return x == UINT64_MAX || y == UINT64_MAX ? UINT64_MAX : x + y; };
    for (GrammarNode& n : nodes) {  // parts come before what is made of them
        std::uint64_t separator = n.separator == kNone ? 0 : nodes[n.separator].cost;
        switch (n.kind) {
            case GrammarNode::Lexeme: {
                const std::int32_t lex = lexer.start({{0, n.a}}, Spelling::Text);
                if (lex < 0) break;
                n.lex = static_cast<LexId>(lex);
                n.cost = lexer.shortest(n.lex).size();
                break;
            }
            case GrammarNode::Raw: n.cost = texts[n.a].size(); break;
            case GrammarNode::Rule: break;  // solved
            case GrammarNode::Json:
                n.cost = schemas.cost(n.a);
                if (!n.may_exceed) schemas.look_ahead(n.a);
                break;
            case GrammarNode::Choice:
                for (std::uint32_t part : n.parts) n.cost = std::min(n.cost, nodes[part].cost);
                break;
            case GrammarNode::Sequence:
                n.cost = 0;
                for (std::uint32_t part : n.parts) n.cost = plus(n.cost, nodes[part].cost);
                break;
            case GrammarNode::Repetition: {
                const std::uint64_t part = nodes[n.a].cost;
                if (part == UINT64_MAX) n.max = 0;
                if (n.max > 1 && separator == UINT64_MAX) n.max = 1;
                if (part == 0 && separator == 0) n.min = 0;  // empty rounds count
                if (n.min > n.max) break;
                n.cost = n.min == 0 ? 0 : n.min * part + (n.min - 1) * (n.min > 1 ? separator : 0);
                break;
            }
        }
    }
    if (nodes[root].cost == UINT64_MAX) throw Unsatisfiable("no text at all fits it");
    if (!rules.empty() && nodes[root].cost > kMaxShortest) throw TooComplex("bytes of the shortest text of a grammar", kMaxShortest);
}

Config Machine::start(const std::string& prefix) {
    Config out;
    capture_ = kNoCapture;
    begin_place();
    if (prefix.empty()) {
        enter(root, 0, out);
    } else {
        auto it = std::find(texts.begin(), texts.end(), prefix);
        if (it == texts.end()) it = texts.insert(texts.end(), prefix);
        const FrameId begin = intern({FrameKind::Start, 0, 0, 0, 0, 0, 0});
        read({FrameKind::Raw, static_cast<std::uint32_t>(it - texts.begin()), 0, 0, 0, begin}, out);
    }
    settle(out);
    sort_unique(out);
    return out;
}

void Machine::enter(std::uint32_t id, FrameId parent, Config& out) {
    const GrammarNode& node = nodes[id];  // nodes do not change once the machine runs
    if (node.cost == UINT64_MAX) return;
    switch (node.kind) {
        case GrammarNode::Lexeme: return push_lexeme(FrameKind::Lex, node.lex, 0, parent, out);
        case GrammarNode::Raw:
            if (texts[node.a].empty()) return complete(parent, out);
            return read({FrameKind::Raw, node.a, 0, 0, 0, parent}, out);
        case GrammarNode::Json: return enter_goal(node.a, 0, parent, out);
        case GrammarNode::Choice:
            for (std::uint32_t part : node.parts) enter(part, parent, out);
            return;
        case GrammarNode::Sequence:
            if (node.parts.empty()) return complete(parent, out);
            return enter(node.parts[0], node.parts.size() > 1 ? intern({FrameKind::Seq, id, 1, 0, 0, parent}) : parent, out);
        case GrammarNode::Repetition:
            if (node.min == 0) complete(parent, out);
            return enter_repetition(id, 0, parent, out);
        case GrammarNode::Rule:
            if (rules.is_nullable(id)) complete(parent, out);
            if (rules.has_text(id)) calls_.push_back({id, parent});
            return;
    }
}

// `done` parts are behind; one more begins.
void Machine::enter_repetition(std::uint32_t id, std::uint32_t done, FrameId parent, Config& out) {
    const GrammarNode& node = nodes[id];
    if (done >= node.max) return;
    const FrameId after = intern({FrameKind::Rep, id, done, 0, 0, parent});
    if (done == 0 || node.separator == kNone) return enter(node.a, after, out);
    enter(node.separator, intern({FrameKind::RepPart, id, done, 0, 0, parent}), out);
}

void Machine::enter_goal(GoalId goal, std::uint32_t depth, FrameId parent, Config& out) {
    if (!schemas.nonempty(goal)) return;
    const Expansion& e = schemas.expand(goal);
    if (e.scalar >= 0) push_lexeme(FrameKind::Lex, static_cast<LexId>(e.scalar), 0, parent, out);
    if (e.string >= 0) read({FrameKind::OpenText, static_cast<LexId>(e.string), 0, 0, 0, parent}, out);
    const std::uint32_t layout = schemas.goal_layout(goal);
    if (!schemas.layout(layout).indent) depth = 0;
    for (std::uint32_t id : e.objects) {
        const Object& o = schemas.object(id);
        const Progress begin = schemas.initial_progress(o);
        const std::uint32_t progress = schemas.intern_progress(begin);
        if (schemas.plan(id, begin).cost == UINT64_MAX) continue;
        if (schemas.can_close(o, begin)) layout_lexeme(layout, Layout::ObjectEmpty, depth, parent, out);
        if (schemas.key_lexer(id, progress, tainted) >= 0)
            layout_lexeme(layout, Layout::ObjectOpen, depth, intern({FrameKind::ObjectKey, id, progress, 0, depth, parent}), out);
    }
    for (std::uint32_t id : e.arrays) {
        const std::uint32_t progress = schemas.initial_array_progress(id);
        if (schemas.plan_items(id, progress).cost == UINT64_MAX) continue;
        if (schemas.can_close(schemas.array(id), progress)) layout_lexeme(layout, Layout::ArrayEmpty, depth, parent, out);
        if (!schemas.item_options(id, progress).empty())
            layout_lexeme(layout, Layout::ArrayOpen, depth, intern({FrameKind::ArrayItem, id, progress, 0, depth, parent}), out);
    }
}

void Machine::after_object_value(const Frame& f, Config& out) {
    const Object& o = schemas.object(f.a);
    if (schemas.can_close(o, schemas.progress(f.b))) layout_lexeme(o.layout, Layout::ObjectClose, f.depth, f.parent, out);
    if (schemas.key_lexer(f.a, f.b, tainted) >= 0)
        layout_lexeme(o.layout, Layout::ItemSep, f.depth, intern({FrameKind::ObjectKey, f.a, f.b, 0, f.depth, f.parent}), out);
}

void Machine::after_array_item(const Frame& f, Config& out) {
    const Array& a = schemas.array(f.a);
    if (schemas.can_close(a, f.b)) layout_lexeme(a.layout, Layout::ArrayClose, f.depth, f.parent, out);
    if (!schemas.item_options(f.a, f.b).empty())
        layout_lexeme(a.layout, Layout::ItemSep, f.depth, intern({FrameKind::ArrayItem, f.a, f.b, 0, f.depth, f.parent}), out);
}

void Machine::complete(FrameId id, Config& out) {
    const Frame f = frames_[id];
    switch (f.kind) {
        case FrameKind::Root: return add(out, id);
        case FrameKind::Start: return enter(root, 0, out);
        case FrameKind::Seq: {
            const auto& parts = nodes[f.a].parts;
            const bool is_last = f.b + 1 == parts.size();
            return enter(parts[f.b], is_last ? f.parent : intern({FrameKind::Seq, f.a, f.b + 1, 0, 0, f.parent}), out);
        }
        case FrameKind::Rep: {
            const GrammarNode& node = nodes[f.a];
            std::uint32_t done = f.b + 1;
            if (done >= node.min) complete(f.parent, out);
            if (node.max == kUnbounded) done = std::min(done, std::max(node.min, 1u));
            const std::pair round{f.a, f.parent};  // going round without a byte leads nowhere new
            if (std::find(rounds_.begin(), rounds_.end(), round) != rounds_.end()) return;
            rounds_.push_back(round);
            enter_repetition(f.a, done, f.parent, out);
            rounds_.pop_back();
            return;
        }
        case FrameKind::RepPart: return enter(nodes[f.a].a, intern({FrameKind::Rep, f.a, f.b, 0, 0, f.parent}), out);
        case FrameKind::ObjectKey:
            return read({FrameKind::OpenKey, static_cast<LexId>(schemas.key_lexer(f.a, f.b, tainted)), 0, 0, 0, id}, out);
        case FrameKind::ObjectColon:
            return waiting_.push_back({f.c, f.depth + 1, capture_, intern({FrameKind::ObjectNext, f.a, f.b, 0, f.depth, f.parent}), &out});
        case FrameKind::ObjectNext: return after_object_value(f, out);
        case FrameKind::ArrayItem: return complete_item(id, out);
        case FrameKind::ArrayNext: return complete_after_item(id, out);
        case FrameKind::Rule:
        case FrameKind::RulePart:
        case FrameKind::Corner: return ended_.push_back(id);
        case FrameKind::Joined:
            if (!rules.empty()) return ended_.push_back(id);
            for (FrameId member : std::vector(joins_[f.a])) complete(member, out);
            return;
        default: return;  // frames that read bytes have no child
    }
}

// An item begins. Where items must differ its text is kept, from here or as part of an outer item's.
void Machine::complete_item(FrameId id, Config& out) {
    const Frame f = frames_[id];
    const std::uint32_t outer = capture_;
    std::uint32_t mark = 0;  // where the item begins in the capture, and whether the capture is its own
    if (schemas.array(f.a).is_unique) {
        mark = 2 * captures_[outer].length + (outer == kNoCapture);
        if (outer == kNoCapture) capture_ = kEmptyCapture;
    }
    for (const ItemOption& option : schemas.item_options(f.a, f.b))
        waiting_.push_back({option.goal, f.depth + 1, capture_, intern({FrameKind::ArrayNext, f.a, option.progress, mark, f.depth, f.parent}), &out});
    capture_ = outer;
}

void Machine::complete_after_item(FrameId id, Config& out) {
    Frame f = frames_[id];
    const std::uint32_t before = capture_;
    if (schemas.array(f.a).is_unique) {
        if (capture_ == kUnknownCapture) tainted_items = true;
        else f.b = schemas.with_seen(f.b, capture_text(capture_, f.c / 2));
        if (f.c & 1) capture_ = kNoCapture;
    }
    after_array_item(f, out);
    capture_ = before;
}

void Machine::leave(FrameId reader, Config& out) {
    if (!rules.empty() && num_leaves_left-- == 0) throw TooManyReadings{};
    const Frame f = frames_[reader];
    capture_ = f.capture == kNoCapture ? kNoCapture : kUnknownCapture;
    begin_place();
    complete(f.parent, out);
    settle(out);
}

void Machine::complete_key(FrameId key_frame, LexId end, KeyId text, Config& out) {
    capture_ = frames_[key_frame].capture == kNoCapture ? kNoCapture : kUnknownCapture;
    begin_place();
    complete_keys(key_frame, end, text, out);
    settle(out);
}

void Machine::complete_keys(FrameId key_frame, LexId end, KeyId text, Config& out) {
    const Frame f = frames_[frames_[key_frame].parent];  // ObjectKey
    const Object& o = schemas.object(f.a);
    for (Label label : lexer.labels(end)) {
        const Progress before = schemas.progress(f.b);
        const std::uint32_t progress = schemas.intern_progress(schemas.advanced(o, before, label, text));
        const GoalId goal = o.options[option_of(label)].goal;
        layout_lexeme(o.layout, Layout::KeySep, f.depth, intern({FrameKind::ObjectColon, f.a, progress, goal, f.depth, f.parent}), out);
    }
}

// The text of a key so far, one byte on; only whole characters change it.
std::uint32_t Machine::text_with(std::uint32_t key_text, const Frame& f, std::uint8_t byte) {
    const SpellStep s = spell_step(lexer.spelling(f.a), lexer.partial(f.a), byte);
    if (s.kind != SpellStep::Char) return key_text;
    return schemas.with_character(key_text, static_cast<char32_t>(s.value));
}

// `queue` gets what follows a lexeme that may end before this byte; null: that has been done.
void Machine::step_one(FrameId id, std::uint8_t byte, Config* queue, Config& to) {
    const Frame f = frames_[id];
    capture_ = captured(f.capture, byte);
    switch (f.kind) {
        case FrameKind::Lex:
            if (const std::int32_t n = lexer.next(f.a, byte); n >= 0) push_lexeme(f.kind, static_cast<LexId>(n), 0, f.parent, to);
            capture_ = f.capture;
            if (queue && lexer.nullable(f.a)) complete(f.parent, *queue);
            return;
        case FrameKind::Raw:
            if (static_cast<std::uint8_t>(texts[f.a][f.b]) != byte) return;
            if (f.b + 1 == texts[f.a].size()) return complete(f.parent, to);
            return read({f.kind, f.a, f.b + 1, 0, 0, f.parent}, to);
        case FrameKind::OpenText:
            if (byte == '"') push_lexeme(FrameKind::Text, f.a, 0, f.parent, to);
            return;
        case FrameKind::OpenKey:
            if (byte == '"')
                push_lexeme(FrameKind::Key, f.a, lexer.has_labels(f.a, kExtraBit) ? schemas.intern_key(U"") : kNone, f.parent, to);
            return;
        case FrameKind::Text:
        case FrameKind::Key: {
            const std::int32_t n = lexer.next(f.a, byte);
            if (n == Lexer::kEnd) {
                if (f.kind == FrameKind::Text) return complete(f.parent, to);
                return complete_keys(id, f.a, f.b, to);
            }
            if (n < 0) return;
            const bool keeps = f.kind == FrameKind::Key && f.b != kNone && lexer.has_labels(static_cast<LexId>(n), kExtraBit);
            const std::uint32_t text = f.kind == FrameKind::Text ? 0 : keeps ? text_with(f.b, f, byte) : kNone;
            return push_lexeme(f.kind, static_cast<LexId>(n), text, f.parent, to);
        }
        default: return;
    }
}

void Machine::step(const Config& from, std::uint8_t byte, Config& to) {
    to.clear();
    rounds_.clear(), waiting_.clear();  // an error may have ended the last step anywhere
    if (!rules.empty()) return step_closed(closed(from), byte, to);
    queue_ = from;
    for (std::size_t i = 0; i < queue_.size();) {
        for (; i < queue_.size(); ++i) step_one(queue_[i], byte, &queue_, to);
        enter_waiting(queue_);
    }
    enter_waiting(to);
    sort_unique(to);
}

void Machine::add_closure(Config& config) {
    begin_place();
    for (std::size_t i = 0; i < config.size();) {
        for (; i < config.size(); ++i) {
            const Frame f = frames_[config[i]];
            capture_ = f.capture;
            if (f.kind == FrameKind::Lex && lexer.nullable(f.a)) complete(f.parent, config);
        }
        settle(config);
    }
}

bool Machine::is_accepting(const Config& config) {
    Config all = config;
    add_closure(all);
    return std::find(all.begin(), all.end(), FrameId{0}) != all.end();
}

std::string Machine::forced(Config config) {
    constexpr std::size_t kMaxForced = 1 << 16;
    std::string out;
    Config next, only;
    while (out.size() < kMaxForced && !is_accepting(config)) {
        int found = -1, num = 0;
        for (int b = 0; b < 256 && num < 2; ++b) {
            step(config, static_cast<std::uint8_t>(b), next);
            if (!next.empty()) ++num, found = b, only = next;
        }
        if (num != 1) break;
        out += static_cast<char>(found);
        config = only;
    }
    return out;
}

std::string Machine::shortest_node(std::uint32_t id) {
    const GrammarNode& node = nodes[id];
    std::string out;
    switch (node.kind) {
        case GrammarNode::Lexeme: return lexer.shortest(node.lex);
        case GrammarNode::Raw: return texts[node.a];
        case GrammarNode::Json: return schemas.shortest(node.a, 0);
        case GrammarNode::Choice:
            for (std::uint32_t part : node.parts)
                if (nodes[part].cost == node.cost) return shortest_node(part);
            return out;
        case GrammarNode::Sequence:
            for (std::uint32_t part : node.parts) out += shortest_node(part);
            return out;
        case GrammarNode::Repetition:
            for (std::uint32_t i = 0; i < node.min; ++i)
                out += (i && node.separator != kNone ? shortest_node(node.separator) : "") + shortest_node(node.a);
            return out;
        case GrammarNode::Rule: rules.append_shortest(id, out); return out;
    }
    return out;
}

namespace {

std::string utf8(const std::u32string& text) {
    std::string out;
    for (char32_t c : text) out += spell_rest(Spelling::Text, 0, c);
    return out;
}

}  // namespace

constexpr std::size_t kMaxSpelled = 12;  // bytes of one character

// The shortest rest of a key that has begun; `next` becomes the frame that its end leads to.
std::string Machine::shortest_key(const Frame& key, FrameId& next) {
    const Frame f = frames_[key.parent];
    const Object& o = schemas.object(f.a);
    const bool is_open = key.kind == FrameKind::OpenKey;
    std::string best;
    std::uint64_t best_cost = UINT64_MAX;
    auto walk = [&](const std::string& bytes) {  // follow these bytes inside the key to its end
        Frame k{FrameKind::Key, key.a, is_open ? schemas.intern_key(U"") : key.b, 0, 0, key.parent, 0};
        for (char c : bytes) {
            const std::int32_t n = lexer.next(k.a, static_cast<std::uint8_t>(c));
            if (n < 0) return;
            if (k.b != kNone) k.b = text_with(k.b, k, static_cast<std::uint8_t>(c));
            k.a = static_cast<LexId>(n);
        }
        if (!lexer.nullable(k.a)) return;
        for (Label label : lexer.labels(k.a)) {
            const Progress after = schemas.advanced(o, schemas.progress(f.b), label, k.b);
            const GoalId goal = o.options[option_of(label)].goal;
            const std::uint64_t rest = schemas.plan(f.a, after).cost, cost = schemas.cost(goal) + bytes.size() + rest;
            if (rest == UINT64_MAX || cost >= best_cost) continue;
            best_cost = cost;
            best = (is_open ? "\"" : "") + bytes + "\"" + utf8(schemas.layout_text(o.layout, Layout::KeySep, f.depth));
            next = intern({FrameKind::ObjectColon, f.a, schemas.intern_progress(after), goal, f.depth, f.parent});
        }
    };
    const auto keys = schemas.plan(f.a, schemas.progress(f.b), true);
    const Spelling spelling = lexer.spelling(key.a);
    auto spelled = [&](const std::u32string& text) {
        const std::string quoted = schemas.quoted(text, spelling);
        return quoted.substr(1, quoted.size() - 2);
    };
    if (is_open && !keys.items.empty()) walk(spelled(schemas.key_text(keys.items[0].text)));
    for (std::size_t i = 0; !is_open && i < keys.items.size(); ++i) {
        const PlannedKey& planned = keys.items[i];
        auto is_it = [&](Label label) { return o.options[option_of(label)].key == o.options[option_of(planned.label)].key; };
        const std::u32string text = schemas.key_text(planned.text);
        const std::uint32_t left = lexer.least_left(key.a, is_it);  // characters; kUnbounded: another key has begun
        if (left > text.size()) continue;
        const std::string rest = spelled(text.substr(text.size() - left));
        if (lexer.partial(key.a) == 0) walk(rest);
        // inside a character it is not known how much of it is read
        else for (std::size_t from = 1; from < std::min(rest.size() + 1, kMaxSpelled); ++from) walk(rest.substr(from));
    }
    if (best_cost == UINT64_MAX || !is_open) walk(lexer.shortest(key.a));
    return best;
}

// What must still come once the child of `id` has ended, shortest.
// `read` is the text of the item that is being kept, if one is, with the rest of its lexeme. Nothing, if with this text
// there is no way on: where items must differ, a reading may end with an item.
std::optional<std::string> Machine::shortest_after(FrameId id, const std::string& read) {
    std::string out;
    auto part = [&](std::uint32_t layout, Layout::Part p, std::uint32_t depth) { out += utf8(schemas.layout_text(layout, p, depth)); };
    for (id = append_rule_rest(id, out); frames_[id].kind != FrameKind::Root; id = cheapest_member(frames_[id].parent)) {
        Frame f = frames_[id];
        switch (f.kind) {
            case FrameKind::Start: return out + shortest_node(root);
            case FrameKind::Seq:
                for (std::size_t i = f.b; i < nodes[f.a].parts.size(); ++i) out += shortest_node(nodes[f.a].parts[i]);
                break;
            case FrameKind::Rep:
            case FrameKind::RepPart: {
                const GrammarNode& node = nodes[f.a];
                std::uint32_t done = f.b + 1;
                if (f.kind == FrameKind::RepPart) out += shortest_node(node.a);
                for (; done < node.min; ++done) out += (node.separator != kNone ? shortest_node(node.separator) : "") + shortest_node(node.a);
                break;
            }
            case FrameKind::ObjectKey:
            case FrameKind::ObjectColon:
            case FrameKind::ObjectNext: {
                const Object& o = schemas.object(f.a);
                bool is_first = f.kind == FrameKind::ObjectKey;
                if (f.kind == FrameKind::ObjectColon) out += schemas.shortest(f.c, f.depth + 1);
                for (const PlannedKey& k : schemas.plan(f.a, schemas.progress(f.b), is_first).items) {
                    if (!is_first) part(o.layout, Layout::ItemSep, f.depth);
                    out += schemas.key_and_value(o, k, f.depth), is_first = false;
                }
                part(o.layout, Layout::ObjectClose, f.depth);
                break;
            }
            case FrameKind::ArrayItem:
            case FrameKind::ArrayNext: {
                const std::uint32_t layout = schemas.array(f.a).layout;
                bool is_first = f.kind == FrameKind::ArrayItem;
                if (!is_first && schemas.array(f.a).is_unique) f.b = schemas.with_seen(f.b, (read + out).substr(f.c / 2));
                const Plan<GoalId> plan = schemas.plan_items(f.a, f.b, is_first);
                if (plan.cost == UINT64_MAX) return std::nullopt;
                for (GoalId item : plan.items) {
                    if (!is_first) part(layout, Layout::ItemSep, f.depth);
                    out += schemas.shortest(item, f.depth + 1), is_first = false;
                }
                part(layout, Layout::ArrayClose, f.depth);
                break;
            }
            default: break;
        }
    }
    return out;
}

std::string Machine::shortest(const Config& config) {
    Config all = config;
    add_closure(all);
    std::string best;
    std::uint64_t best_cost = UINT64_MAX;
    FrameId best_parent = 0;  // of rules only the way that is taken is spelled out
    for (FrameId id : all) {
        const Frame f = frames_[id];
        std::string way;
        FrameId parent = f.parent;
        switch (f.kind) {
            case FrameKind::Root: return "";
            case FrameKind::Lex: way = lexer.shortest(f.a); break;
            case FrameKind::Raw: way = texts[f.a].substr(f.b); break;
            case FrameKind::OpenText: way = "\"" + lexer.shortest(f.a) + "\""; break;
            case FrameKind::Text: way = lexer.shortest(f.a) + "\""; break;
            default: way = shortest_key(f, parent); break;
        }
        const bool is_by_cost = (!rules.empty() || !joins_.empty()) && f.capture == kNoCapture;
        if (!is_by_cost) {
            const auto rest = shortest_after(parent, f.capture == kNoCapture ? way : capture_text(f.capture, 0) + way);
            if (!rest) continue;
            way += *rest;
        }
        const std::uint64_t cost = way.size() + (is_by_cost ? cost_after(parent) : 0);
        if (cost < best_cost) best = std::move(way), best_cost = cost, best_parent = is_by_cost ? parent : 0;
    }
    return best + shortest_after(best_parent, "").value_or("");
}

}  // namespace guided
