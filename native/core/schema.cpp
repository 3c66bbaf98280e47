#include "schema.hpp"

#include <algorithm>
#include <deque>

#include "errors.hpp"

namespace guided {

namespace {

constexpr std::uint32_t kMaxInPlaceDepth = 1000;
constexpr std::size_t kMaxAlternatives = 4096;
constexpr std::uint32_t kMaxWhitespace = 64;  // per gap, so that a text always ends

std::u32string ascii(const char* text) { return {text, text + std::char_traits<char>::length(text)}; }

}  // namespace

bool SchemaNode::constrains_objects() const {
    return !properties.empty() || additional != kNone || !required.empty() || min_properties > 0 || max_properties != kUnbounded;
}

bool SchemaNode::constrains_arrays() const {
    return !prefix.empty() || items != kNone || min_items > 0 || max_items != kUnbounded;
}

void Progress::add(std::uint32_t key) {
    if (seen.size() <= key / 32) seen.resize(key / 32 + 1);
    seen[key / 32] |= 1u << (key % 32);
}

KeyId Schemas::intern_key(const std::u32string& text) {
    auto [it, fresh] = key_ids_.try_emplace(text, static_cast<KeyId>(key_texts_.size()));
    if (fresh) key_texts_.push_back(text);
    return it->second;
}

std::uint32_t Schemas::add_layout(const Layout& layout) {
    auto it = std::find(layouts_.begin(), layouts_.end(), layout);
    if (it == layouts_.end()) it = layouts_.insert(layouts_.end(), layout);
    return static_cast<std::uint32_t>(it - layouts_.begin());
}

std::u32string Schemas::layout_text(std::uint32_t id, Layout::Part part, std::uint32_t depth) const {
    const Layout& l = layouts_[id];
    auto line = [&](std::uint32_t d) { return l.indent ? U"\n" + std::u32string(std::size_t(*l.indent) * d, U' ') : std::u32string(); };
    switch (part) {
        case Layout::ObjectOpen: return U"{" + line(depth + 1);
        case Layout::ObjectClose: return line(depth) + U"}";
        case Layout::ObjectEmpty: return U"{}";
        case Layout::ArrayOpen: return U"[" + line(depth + 1);
        case Layout::ArrayClose: return line(depth) + U"]";
        case Layout::ArrayEmpty: return U"[]";
        case Layout::ItemSep: return l.item_separator + line(depth + 1);
        default: return l.key_separator;
    }
}

std::int32_t Schemas::layout_lexeme(std::uint32_t id, Layout::Part part, std::uint32_t depth) {
    if (!layouts_[id].indent) depth = 0;
    auto [it, fresh] = layout_lexemes_.try_emplace({id, part, depth}, Lexer::kDead);
    if (!fresh) return it->second;
    ExprId e = ExprPool::kEpsilon;
    if (layouts_[id].is_flexible) {
        const ExprId gap = pool_.repeat(pool_.set(normalized({{' ', ' '}, {'\t', '\n'}, {'\r', '\r'}})), 0, kMaxWhitespace);
        for (char32_t c : layout_text(id, part, 0)) {
            const ExprId mark = pool_.set({{c, c}});
            const bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
            const bool is_empty = part == Layout::ObjectEmpty || part == Layout::ArrayEmpty;
            e = pool_.cat({e, opens || (is_empty && closes) ? ExprPool::kEpsilon : gap, mark, closes ? ExprPool::kEpsilon : gap});
        }
    } else {
        e = pool_.literal(layout_text(id, part, depth));
    }
    const std::int32_t lex = lexer_.start({{0, e}}, Spelling::Text);
    return layout_lexemes_[{id, part, depth}] = lex;
}

GoalId Schemas::goal(std::uint32_t layout, std::vector<SchemaId> nodes) {
    std::vector<std::uint32_t> key{layout};
    for (SchemaId n : nodes)  // in order of appearance: it is the order of keys
        if (std::find(key.begin() + 1, key.end(), n) == key.end()) key.push_back(n);
    auto [it, fresh] = goal_ids_.try_emplace(key, static_cast<GoalId>(goals_.size()));
    if (fresh) {
        Goal g;
        g.layout = layout, g.nodes.assign(key.begin() + 1, key.end());
        goals_.push_back(std::move(g));
    }
    return it->second;
}

bool Schemas::literal_holds(SchemaId n, std::uint32_t bit, std::uint32_t depth) const {
    if (depth > kMaxInPlaceDepth) throw TooComplex("schemas applied to one and the same value", kMaxInPlaceDepth);
    const SchemaNode& s = nodes[n];
    if (!(s.types & bit)) return false;
    for (SchemaId m : s.all_of)
        if (!literal_holds(m, bit, depth + 1)) return false;
    for (const auto& group : s.any_of)
        if (std::none_of(group.begin(), group.end(), [&](SchemaId m) { return literal_holds(m, bit, depth + 1); })) return false;
    return true;
}

// kAll stands for a number or a string without any condition.
ExprId Schemas::scalar_expr(SchemaId n, TypeBit type, std::uint32_t depth) {
    if (depth > kMaxInPlaceDepth) throw TooComplex("schemas applied to one and the same value", kMaxInPlaceDepth);
    const SchemaNode& s = nodes[n];
    if (!(s.types & type)) return ExprPool::kEmpty;
    const std::uint32_t own = type == kNumber ? s.number : s.string;
    std::vector<ExprId> parts{own == kNone ? ExprPool::kAll : own};
    for (SchemaId m : s.all_of) parts.push_back(scalar_expr(m, type, depth + 1));
    for (const auto& group : s.any_of) {
        std::vector<ExprId> options;
        for (SchemaId m : group) options.push_back(scalar_expr(m, type, depth + 1));
        parts.push_back(pool_.alt(std::move(options)));
    }
    return pool_.both(std::move(parts));
}

std::vector<Schemas::NodeSet> Schemas::alternatives(const NodeSet& goal, TypeBit type) const {
    struct Pending {
        SchemaId node;
        std::uint32_t group;  // kNone: the node itself; else this any_of group of it
    };
    struct Branch {
        NodeSet chosen, visited;
        std::vector<Pending> todo;  // last first
    };
    std::vector<NodeSet> out;
    std::deque<Branch> branches(1);
    for (auto it = goal.rbegin(); it != goal.rend(); ++it) branches[0].todo.push_back({*it, kNone});
    while (!branches.empty()) {
        Branch b = std::move(branches.front());
        branches.pop_front();
        bool is_dead = false;
        while (!b.todo.empty() && !is_dead) {
            const Pending p = b.todo.back();
            b.todo.pop_back();
            const SchemaNode& s = nodes[p.node];
            if (p.group != kNone) {
                const auto& options = s.any_of[p.group];
                if (branches.size() + out.size() + options.size() > kMaxAlternatives)
                    throw TooComplex("alternatives of one value", kMaxAlternatives);
                for (std::size_t i = options.size(); i-- > 0;) {
                    Branch copy = b;
                    copy.todo.push_back({options[i], kNone});
                    branches.push_front(std::move(copy));
                }
                is_dead = true;  // its copies go on
                continue;
            }
            if (std::find(b.visited.begin(), b.visited.end(), p.node) != b.visited.end()) continue;
            b.visited.push_back(p.node);
            is_dead = !(s.types & type);
            if (type == kObject ? s.constrains_objects() : s.constrains_arrays()) b.chosen.push_back(p.node);
            for (std::size_t i = s.any_of.size(); i-- > 0;) b.todo.push_back({p.node, static_cast<std::uint32_t>(i)});
            for (std::size_t i = s.all_of.size(); i-- > 0;) b.todo.push_back({s.all_of[i], kNone});
        }
        if (!is_dead) out.push_back(std::move(b.chosen));
    }
    // an alternative that asks for all that another asks, and more, adds nothing
    std::vector<NodeSet> kept;
    auto asks_more = [](const NodeSet& more, const NodeSet& less) {
        return std::all_of(less.begin(), less.end(), [&](SchemaId n) { return std::find(more.begin(), more.end(), n) != more.end(); });
    };
    for (std::size_t i = 0; i < out.size(); ++i) {
        bool is_needed = true;
        for (std::size_t j = 0; j < out.size() && is_needed; ++j)
            if (i != j && asks_more(out[i], out[j])) is_needed = out[i].size() == out[j].size() && i < j;
        if (is_needed) kept.push_back(out[i]);
    }
    return kept;
}

std::uint32_t Schemas::make_object(std::uint32_t layout, const NodeSet& set) {
    std::vector<std::uint32_t> key{layout};
    key.insert(key.end(), set.begin(), set.end());
    auto [it, fresh] = object_ids_.try_emplace(std::move(key), static_cast<std::uint32_t>(objects_.size()));
    if (!fresh) return it->second;
    const std::uint32_t id = it->second;
    auto o = std::make_unique<Object>();
    o->layout = layout;
    std::vector<std::pair<KeyId, bool>> texts;  // (key, is declared)
    std::map<KeyId, std::size_t> index;
    for (SchemaId n : set)
        for (const auto& [text, _] : nodes[n].properties)
            if (index.try_emplace(text, texts.size()).second) texts.push_back({text, true});
    o->num_declared = static_cast<std::uint32_t>(texts.size());
    for (SchemaId n : set)
        for (KeyId text : nodes[n].required)
            if (index.try_emplace(text, texts.size()).second) texts.push_back({text, false});

    std::vector<NodeSet> goals(texts.size());
    std::vector<bool> required(texts.size());
    NodeSet extra;
    for (SchemaId n : set) {
        const SchemaNode& s = nodes[n];
        std::map<std::size_t, SchemaId> own;
        for (const auto& [text, schema] : s.properties) own[index.at(text)] = schema;
        for (std::size_t i = 0; i < texts.size(); ++i) {
            if (auto found = own.find(i); found != own.end()) goals[i].push_back(found->second);
            else if (s.additional != kNone) goals[i].push_back(s.additional);
        }
        for (KeyId text : s.required) required[index.at(text)] = true;
        if (s.additional != kNone) extra.push_back(s.additional);
        o->min_properties = std::max(o->min_properties, s.min_properties);
        o->max_properties = std::min(o->max_properties, s.max_properties);
    }
    std::vector<std::u32string> words;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        words.push_back(key_texts_[texts[i].first]);
        o->keys.push_back({texts[i].first, pool_.literal(words.back()), goal(layout, goals[i]), texts[i].second, bool(required[i])});
    }
    o->extra_goal = goal(layout, extra);
    if (!words.empty()) o->extra_key = pool_.negate(pool_.words(std::move(words)));
    objects_.push_back(std::move(o));
    return id;
}

std::uint32_t Schemas::make_array(std::uint32_t layout, const NodeSet& set) {
    std::vector<std::uint32_t> key{layout};
    key.insert(key.end(), set.begin(), set.end());
    auto [it, fresh] = array_ids_.try_emplace(std::move(key), static_cast<std::uint32_t>(arrays_.size()));
    if (!fresh) return it->second;
    const std::uint32_t id = it->second;
    auto a = std::make_unique<Array>();
    a->layout = layout;
    std::size_t longest = 0;
    NodeSet items;
    for (SchemaId n : set) {
        longest = std::max(longest, nodes[n].prefix.size());
        if (nodes[n].items != kNone) items.push_back(nodes[n].items);
        a->min_items = std::max(a->min_items, nodes[n].min_items);
        a->max_items = std::min(a->max_items, nodes[n].max_items);
    }
    for (std::size_t i = 0; i < longest; ++i) {
        NodeSet at;
        for (SchemaId n : set) {
            if (i < nodes[n].prefix.size()) at.push_back(nodes[n].prefix[i]);
            else if (nodes[n].items != kNone) at.push_back(nodes[n].items);
        }
        a->prefix.push_back(goal(layout, std::move(at)));
    }
    a->items = goal(layout, std::move(items));
    arrays_.push_back(std::move(a));
    return id;
}

ExprId Schemas::default_number() {
    if (default_number_ != kNone) return default_number_;
    auto one = [&](char32_t c) { return pool_.set({{c, c}}); };
    auto maybe = [&](ExprId e) { return pool_.repeat(e, 0, 1); };
    const ExprId digit = pool_.set({{'0', '9'}});
    const ExprId whole = pool_.alt({one('0'), pool_.cat(pool_.set({{'1', '9'}}), pool_.repeat(digit, 0, 39))});
    const ExprId fraction = maybe(pool_.cat(one('.'), pool_.repeat(digit, 1, 40)));
    const ExprId exponent = maybe(pool_.cat({pool_.set(normalized({{'e', 'e'}, {'E', 'E'}})),
                                             maybe(pool_.set(normalized({{'+', '+'}, {'-', '-'}}))), pool_.repeat(digit, 1, 3)}));
    return default_number_ = pool_.cat({maybe(one('-')), whole, fraction, exponent});
}

const Expansion& Schemas::expand(GoalId g) {
    if (goals_[g].is_expanded) return goals_[g].expansion;
    const NodeSet set = goals_[g].nodes;
    const std::uint32_t layout = goals_[g].layout;
    Expansion out;
    std::vector<ExprId> scalars, strings, numbers;
    for (auto [bit, text] : {std::pair{kNull, "null"}, {kFalse, "false"}, {kTrue, "true"}})
        if (std::all_of(set.begin(), set.end(), [&](SchemaId n) { return literal_holds(n, bit, 0); }))
            scalars.push_back(pool_.literal(ascii(text)));
    for (SchemaId n : set) numbers.push_back(scalar_expr(n, kNumber, 0)), strings.push_back(scalar_expr(n, kString, 0));
    const ExprId number = pool_.both(std::move(numbers));
    scalars.push_back(number == ExprPool::kAll ? default_number() : number);
    out.scalar = lexer_.start({{0, pool_.alt(std::move(scalars))}}, Spelling::Text);
    out.string = lexer_.start({{0, pool_.both(std::move(strings))}}, layouts_[layout].spelling());
    for (const NodeSet& alternative : alternatives(set, kObject)) out.objects.push_back(make_object(layout, alternative));
    for (const NodeSet& alternative : alternatives(set, kArray)) out.arrays.push_back(make_array(layout, alternative));
    goals_[g].expansion = std::move(out);
    goals_[g].is_expanded = true;
    return goals_[g].expansion;
}

std::uint32_t Schemas::intern_progress(const Progress& p) {
    std::vector<std::uint32_t> key{p.position, p.count, p.extras};
    key.insert(key.end(), p.seen.begin(), p.seen.end());
    auto [it, fresh] = progress_ids_.try_emplace(std::move(key), static_cast<std::uint32_t>(progresses_.size()));
    if (fresh) progresses_.push_back(std::make_unique<Progress>(p));
    return it->second;
}

Progress Schemas::advanced(const Object& o, const Progress& p, Label label, KeyId extra_text) {
    Progress out = p;
    const bool is_any_order = layouts_[o.layout].is_any_order;
    const bool is_declared = label != kExtraLabel && o.keys[label].is_declared;
    if (o.counts()) {
        ++out.count;
        if (o.max_properties == kUnbounded) out.count = std::min(out.count, o.min_properties);
    }
    if (!is_any_order) out.position = is_declared ? label + 1 : o.num_declared;
    if (label != kExtraLabel && (is_any_order || !is_declared)) out.add(label);
    if (label == kExtraLabel && out.extras != kUnknownExtras) {
        if (extra_text == kUnknownExtras) {
            out.extras = kUnknownExtras;
        } else {
            std::vector<KeyId> set = extra_sets_[out.extras];
            set.insert(std::upper_bound(set.begin(), set.end(), extra_text), extra_text);
            auto [it, fresh] = extra_set_ids_.try_emplace(set, static_cast<std::uint32_t>(extra_sets_.size()));
            if (fresh) extra_sets_.push_back(std::move(set));
            out.extras = it->second;
        }
    }
    return out;
}

std::uint32_t Schemas::num_missing(const Object& o, const Progress& p) const {
    const bool is_any_order = layouts_[o.layout].is_any_order;
    std::uint32_t missing = 0;
    for (std::uint32_t i = 0; i < o.keys.size(); ++i) {
        if (!o.keys[i].is_required) continue;
        const bool has = is_any_order || !o.keys[i].is_declared ? p.has(i) : i < p.position;
        missing += !has;
    }
    return missing;
}

bool Schemas::can_close(const Object& o, const Progress& p) const {
    return p.count >= o.min_properties && num_missing(o, p) == 0;
}

// Whether key `key` (kExtraLabel: some other key) may come now and leave a way to close.
bool Schemas::may_use(const Object& o, const Progress& p, std::uint32_t key) const {
    const bool is_any_order = layouts_[o.layout].is_any_order;
    const bool is_extra = key == kExtraLabel, is_declared = !is_extra && o.keys[key].is_declared;
    if (!is_any_order) {
        if (is_declared && key < p.position) return false;
        const std::uint32_t before = is_declared ? key : o.num_declared;
        for (std::uint32_t i = p.position; i < before; ++i)
            if (o.keys[i].is_required) return false;
    }
    if (!is_extra && (is_any_order || !is_declared) && p.has(key)) return false;
    const std::uint32_t missing = num_missing(o, p) - (!is_extra && o.keys[key].is_required ? 1 : 0);
    return o.max_properties == kUnbounded || p.count + 1 + missing <= o.max_properties;
}

std::int32_t Schemas::key_lexer(std::uint32_t object, std::uint32_t progress_id, bool& tainted) {
    const Progress p = *progresses_[progress_id];
    if (p.extras == kUnknownExtras) tainted = true;
    if (auto it = key_lexers_.find({object, progress_id}); it != key_lexers_.end()) return it->second;
    const Object& o = *objects_[object];
    Labelled items;
    auto add = [&](Label label, ExprId e) {
        // with a minimum of keys, a key may come only if enough others can follow
        if (o.min_properties > p.count + 1 && !plan(o, advanced(o, p, label, kUnknownExtras))) return;
        items.push_back({label, e});
    };
    for (std::uint32_t i = 0; i < o.keys.size(); ++i)
        if (may_use(o, p, i) && nonempty(o.keys[i].goal)) add(i, o.keys[i].spelled);
    if (may_use(o, p, kExtraLabel) && nonempty(o.extra_goal)) {
        ExprId e = o.extra_key;
        if (p.extras != kUnknownExtras && p.extras != 0) {
            std::vector<std::u32string> words;
            for (KeyId text : extra_sets_[p.extras]) words.push_back(key_texts_[text]);
            e = pool_.both({e, pool_.negate(pool_.words(std::move(words)))});
        }
        add(kExtraLabel, e);
    }
    const std::int32_t lex = lexer_.start(items, layouts_[o.layout].spelling());
    return key_lexers_[{object, progress_id}] = lex;
}

std::uint32_t Schemas::clamped_index(const Array& a, std::uint32_t num_items) const {
    if (a.max_items != kUnbounded) return num_items;
    return std::min(num_items, std::max(a.min_items, static_cast<std::uint32_t>(a.prefix.size())));
}

bool Schemas::array_may_grow(std::uint32_t array, std::uint32_t num_items) {
    const Array& a = *arrays_[array];
    return num_items < a.max_items && nonempty(a.goal_at(num_items));
}

}  // namespace guided
