// Objects: which keys may come next, what their values must be, and whether the rest can still be made.
#include <algorithm>

#include "errors.hpp"
#include "schema.hpp"

namespace guided {

namespace {

constexpr std::size_t kMaxNames = 30;
constexpr std::uint64_t kInfinite = UINT64_MAX;

std::uint64_t plus(std::uint64_t a, std::uint64_t b) { return a == kInfinite || b == kInfinite ? kInfinite : a + b; }

bool is_impossible(const Lits& lits) { return std::find(lits.begin(), lits.end(), kFalseLit) != lits.end(); }

}  // namespace

void Progress::add(std::uint32_t key) {
    if (seen.size() <= key / 32) seen.resize(key / 32 + 1);
    seen[key / 32] |= 1u << (key % 32);
}

void Progress::remove(std::uint32_t key) {
    if (!has(key)) return;
    seen[key / 32] &= ~(1u << (key % 32));
    while (!seen.empty() && seen.back() == 0) seen.pop_back();
}

KeyId Schemas::intern_key(const std::u32string& text) {
    KeyId out = 0;
    for (char32_t c : text) out = with_character(out, c);
    return out;
}

KeyId Schemas::with_character(KeyId key, char32_t c) {
    const std::uint64_t at = (std::uint64_t(key) << 21) | c;
    if (const std::uint32_t known = key_ids_.find(at); known != FlatMap::kMissing) return known;
    const auto size = static_cast<std::uint32_t>(spell_rest(Spelling::JsonDumps, 0, c).size());
    key_texts_.push_back({key, key_texts_[key].length + 1, key_texts_[key].size + size, c});
    key_ids_.insert(at, static_cast<std::uint32_t>(key_texts_.size() - 1));
    return static_cast<KeyId>(key_texts_.size() - 1);
}

std::u32string Schemas::key_text(KeyId id) const {
    std::u32string out(key_texts_[id].length, U'\0');
    for (std::size_t i = out.size(); i-- > 0; id = key_texts_[id].before) out[i] = key_texts_[id].last;
    return out;
}

bool Schemas::matches(ExprId e, const std::u32string& text) {
    for (char32_t c : text) e = pool_.derive(e, c);
    return pool_.nullable(e);
}

std::uint32_t Schemas::make_object(std::uint32_t layout, const Lits& lits) {
    std::vector<std::uint32_t> key{layout};
    key.insert(key.end(), lits.begin(), lits.end());
    if (const std::uint32_t known = object_ids_.find(key); known != object_ids_.kMissing) return known;
    auto o = std::make_unique<Object>();
    o->layout = layout;
    for (Lit l : lits) {
        const SchemaNode& s = node(l);
        o->min_properties = std::max(o->min_properties, s.min_properties);
        o->max_properties = std::min(o->max_properties, s.max_properties);
        for (const SomeKey& some : s.some_keys) o->some.push_back(some.value);
        for (Lit old : s.differs_from)
            if (node(old).types == kObject) o->apart_from.push_back(old);
    }
    std::sort(o->apart_from.begin(), o->apart_from.end());
    o->apart_from.erase(std::unique(o->apart_from.begin(), o->apart_from.end()), o->apart_from.end());
    const auto num_chosen = static_cast<std::size_t>(std::count_if(o->some.begin(), o->some.end(), [](Lit l) { return l != kTrueLit; }));
    if (num_chosen > limits_.max_witnesses)
        throw TooComplex("keys that must exist with some property of their own", limits_.max_witnesses, "max_witnesses");
    if (o->some.size() > kMaxNames) throw TooComplex("keys that must exist with a name of some kind", kMaxNames);
    std::vector<KeyValue> values = name_keys(*o, lits);
    const bool is_any_order = layouts_[layout].is_any_order;
    const auto num_unordered = std::count_if(o->keys.begin(), o->keys.end(), [&](const Object::Key& k) { return k.is_required && (is_any_order || !k.is_declared); });
    if (static_cast<std::uint64_t>(num_unordered) > limits_.max_unordered_keys)  // behind each of them all others are told apart anew
        throw TooComplex("keys that an object must have and that may come in any order", limits_.max_unordered_keys, "max_unordered_keys");
    const std::vector<Lits> of_extras = split_extras(*o, lits);
    list_options(*o, std::move(values), of_extras);
    objects_.push_back(std::move(o));
    return object_ids_.insert(key).first;
}

// Lists them, and what the schemas say of each, schema by schema.
std::vector<Schemas::KeyValue> Schemas::name_keys(Object& o, const Lits& lits) {
    FlatMap index;
    auto add = [&](KeyId text, bool is_declared) {
        if (index.try_insert(text, static_cast<std::uint32_t>(o.keys.size())).second)
            o.keys.push_back({text, pool_.literal(key_text(text)), is_declared, false, 0});
    };
    for (Lit l : lits)  // what a schema that does not hold names is not declared by it
        if (!node(l).is_rule)
            for (const auto& [text, _] : node(l).properties) add(text, true);
    o.num_declared = static_cast<std::uint32_t>(o.keys.size());
    for (Lit l : lits) {
        if (node(l).is_rule)
            for (const auto& [text, _] : node(l).properties) add(text, false);
        for (KeyId text : node(l).required) add(text, false);
    }
    for (Lit old : o.apart_from)
        for (const auto& [text, _] : node(old).properties) add(text, false);
    std::uint32_t witness = 0;
    std::vector<KeyValue> values;
    Lits own;  // what the node at hand says of each key
    for (Lit l : lits) {
        const SchemaNode& s = node(l);
        const ExprId names = s.property_names == kNone ? ExprPool::kAll : scalar_expr(s.property_names, kString, 0);
        own.assign(o.keys.size(), kNone);
        for (const auto& [text, value] : s.properties) own[index.find(text)] = value;
        for (KeyId text : s.required) o.keys[index.find(text)].is_required = true;
        const bool is_text_asked = !s.pattern_properties.empty() || names != ExprPool::kAll || !s.some_keys.empty();
        for (std::uint32_t i = 0; i < o.keys.size(); ++i) {
            Object::Key& k = o.keys[i];
            const std::u32string text = is_text_asked ? key_text(k.text) : std::u32string();
            bool is_named = own[i] != kNone;
            if (is_named) values.push_back({i, own[i]});
            for (const auto& [pattern, value] : s.pattern_properties)
                if (matches(pattern, text)) values.push_back({i, value}), is_named = true;
            if (!is_named && s.additional != kNone) values.push_back({i, s.additional});
            if (names != ExprPool::kAll && !matches(names, text)) {
                check_parts([&] { return matches(scalar_expr(s.property_names, kString, 0), text); });
                values.push_back({i, kFalseLit});
            }
            for (std::size_t w = 0; w < s.some_keys.size(); ++w)
                if (matches(s.some_keys[w].keys, text)) k.witnesses |= 1u << (witness + w);
        }
        witness += static_cast<std::uint32_t>(s.some_keys.size());
    }
    return values;
}

// All other keys, cut into languages that every keyword treats alike, and what is said of each.
std::vector<Lits> Schemas::split_extras(Object& o, const Lits& lits) {
    struct Piece {
        Object::Extra extra;
        Lits value;
        bool is_named;  // by a pattern of the node at hand
    };
    const bool is_none = std::ranges::any_of(lits, [&](Lit l) { return node(l).additional == kFalseLit && node(l).pattern_properties.empty(); });
    if (is_none) return {};
    std::vector<KeyId> named;
    for (const Object::Key& k : o.keys) named.push_back(k.text);
    std::vector<Piece> pieces{{{pool_.negate(any_of_keys(std::move(named)))}, {}, false}};
    auto split = [&](ExprId language, auto&& inside) {
        std::vector<Piece> out;
        for (Piece& p : pieces) {
            Piece in = p;
            in.extra.keys = pool_.both({p.extra.keys, language});
            p.extra.keys = pool_.both({p.extra.keys, pool_.negate(language)});
            inside(in);
            if (pool_.nonempty(in.extra.keys)) out.push_back(std::move(in));
            if (pool_.nonempty(p.extra.keys)) out.push_back(std::move(p));
        }
        if (out.size() > limits_.max_key_kinds)
            throw TooComplex("kinds of keys that patterns tell apart", limits_.max_key_kinds, "max_key_kinds");
        pieces = std::move(out);
    };
    std::uint32_t witness = 0;
    for (Lit l : lits) {
        const SchemaNode& s = node(l);  // stays where it is
        for (Piece& p : pieces) p.is_named = false;
        for (const auto& [pattern, value] : s.pattern_properties)
            split(pattern, [&](Piece& in) { in.value.push_back(value), in.is_named = true; });
        if (s.additional != kNone)
            for (Piece& p : pieces)
                if (!p.is_named) p.value.push_back(s.additional);
        if (s.property_names != kNone)
            split(pool_.negate(scalar_expr(s.property_names, kString, 0)), [&](Piece& in) { in.value.push_back(kFalseLit); });
        for (const SomeKey& some : s.some_keys) {
            split(some.keys, [&](Piece& in) { in.extra.witnesses |= 1u << witness; });
            ++witness;
        }
        std::erase_if(pieces, [](const Piece& p) { return is_impossible(p.value); });
    }
    std::vector<Lits> values;
    for (Piece& p : pieces) o.extras.push_back(p.extra), values.push_back(std::move(p.value));
    return values;
}

void Schemas::list_options(Object& o, std::vector<KeyValue> values, const std::vector<Lits>& of_extras) {
    auto add = [&](std::uint32_t key, const Lits& value, std::uint32_t witnesses, ExprId spelled) {
        o.first_option.push_back(static_cast<std::uint32_t>(o.options.size()));
        if (is_impossible(value)) return;
        std::uint32_t by_name = 0;  // what the name alone witnesses, whatever the value
        for (std::uint32_t w = 0; w < o.some.size(); ++w)
            if (o.some[w] == kTrueLit) by_name |= witnesses & (1u << w);
        witnesses &= ~by_name;
        Lits lits;
        for (std::uint32_t mask = 0;; mask = (mask - witnesses) & witnesses) {  // every subset, the empty one first
            lits = value;
            for (std::uint32_t w = 0; w < o.some.size(); ++w)
                if (mask >> w & 1) lits.push_back(o.some[w]);
            if (!is_impossible(lits)) o.options.push_back({key, mask, mask | by_name, goal(o.layout, lits), spelled});
            if (mask == witnesses) break;
        }
    };
    if (!std::ranges::is_sorted(values, {}, &KeyValue::key)) std::ranges::stable_sort(values, {}, &KeyValue::key);
    Lits value;
    auto next = values.begin();
    for (std::uint32_t i = 0; i < o.keys.size(); ++i) {
        value.clear();
        for (; next != values.end() && next->key == i; ++next) value.push_back(next->value);
        add(i, value, o.keys[i].witnesses, o.keys[i].spelled);
    }
    for (std::uint32_t i = 0; i < o.extras.size(); ++i)
        add(static_cast<std::uint32_t>(o.keys.size()) + i, of_extras[i], o.extras[i].witnesses, o.extras[i].keys);
    o.first_option.push_back(static_cast<std::uint32_t>(o.options.size()));
}

std::uint32_t Schemas::intern_progress(const Progress& p) {
    std::vector<std::uint32_t> key{p.position, p.count, p.witnessed, p.extras, p.equal};
    key.insert(key.end(), p.seen.begin(), p.seen.end());
    const auto [id, is_new] = progress_ids_.insert(key);
    if (is_new) progresses_.push_back(std::make_unique<Progress>(p));
    return id;
}

Progress Schemas::advanced(const Object& o, const Progress& p, Label label, KeyId extra_text) {
    Progress out = p;
    const Object::Option& option = o.options[option_of(label)];
    const bool is_any_order = layouts_[o.layout].is_any_order, is_extra = option.key >= o.keys.size();
    const bool is_declared = !is_extra && o.keys[option.key].is_declared;
    out.witnessed |= option.witnessed;
    if (o.counts()) {
        ++out.count;
        if (o.max_properties == kUnbounded) out.count = std::min(out.count, o.min_properties);
    }
    if (!is_any_order) out.position = is_declared ? option.key + 1 : o.num_declared;
    out.equal = option.equal;
    if (!is_extra && (is_any_order || !is_declared || out.equal != 0)) out.add(option.key);
    if (p.equal != 0 && out.equal == 0 && !is_any_order)  // which of the declared keys have come does not matter any more
        for (std::uint32_t i = 0; i < o.num_declared; ++i) out.remove(i);
    if (is_extra && out.extras != kUnknownExtras) {
        if (extra_text == kUnknownExtras) {
            out.extras = kUnknownExtras;
        } else {
            std::vector<KeyId> set(extra_sets_[out.extras].begin(), extra_sets_[out.extras].end());
            set.insert(std::upper_bound(set.begin(), set.end(), extra_text), extra_text);
            out.extras = extra_sets_.insert(set).first;
        }
    }
    return out;
}

// Whether a named key has come, or can come no more.
bool Schemas::is_used(const Object& o, const Progress& p, std::uint32_t key) const {
    return layouts_[o.layout].is_any_order || !o.keys[key].is_declared ? p.has(key) : key < p.position;
}

std::uint32_t Schemas::num_missing(const Object& o, const Progress& p) const {
    std::uint32_t missing = 0;
    for (std::uint32_t i = 0; i < o.keys.size(); ++i) missing += o.keys[i].is_required && !is_used(o, p, i);
    return missing;
}

bool Schemas::can_close(const Object& o, const Progress& p) const {
    return p.count >= o.min_properties && p.witnessed == o.all_witnessed() && num_missing(o, p) == 0 && !is_old(o, p);
}

// Whether the order of keys and what has been seen allow this option now.
bool Schemas::may_use(const Object& o, const Progress& p, std::uint32_t option) const {
    const std::uint32_t key = o.options[option].key;
    const bool is_extra = key >= o.keys.size();
    if (o.options[option].chosen & p.witnessed) return false;  // nothing new
    if (!is_extra && is_used(o, p, key)) return false;
    if (layouts_[o.layout].is_any_order) return true;
    const std::uint32_t before = !is_extra && o.keys[key].is_declared ? key : o.num_declared;
    for (std::uint32_t i = p.position; i < before; ++i)
        if (o.keys[i].is_required) return false;
    return true;
}

ExprId Schemas::unseen(ExprId keys, std::span<const KeyId> seen) {
    return seen.empty() ? keys : pool_.both({keys, pool_.negate(any_of_keys({seen.begin(), seen.end()}))});
}

// Any of these texts; alternatives of one object ask for the same ones again and again.
ExprId Schemas::any_of_keys(std::vector<KeyId> keys) {
    std::sort(keys.begin(), keys.end());
    if (const std::uint32_t known = key_set_ids_.find(keys); known != key_set_ids_.kMissing) return any_of_keys_[known];
    std::vector<std::u32string> words;
    words.reserve(keys.size());
    for (KeyId text : keys) words.push_back(key_text(text));
    any_of_keys_.push_back(pool_.words(std::move(words)));  // may throw
    key_set_ids_.insert(keys);
    return any_of_keys_.back();
}

std::int32_t Schemas::key_lexer(std::uint32_t object, std::uint32_t progress_id, bool& tainted) {
    const Progress p = *progresses_[progress_id];
    if (p.extras == kUnknownExtras) tainted = true;
    const std::uint64_t key = (std::uint64_t(object) << 32) | progress_id;
    if (const std::uint32_t known = key_lexers_.find(key); known != FlatMap::kMissing) return lexer_state(known);
    const Object& o = *objects_[object];
    Labelled items;
    for (std::uint32_t plain = 0; plain < o.first_option.back(); ++plain) {
        if (!may_use(o, p, plain)) continue;
        for (std::uint32_t i : apart_options(object, plain, p.equal)) {
            const Object::Option& option = o.options[i];
            if (!nonempty(option.goal)) continue;
            const bool is_extra = option.key >= o.keys.size();
            ExprId e = option.spelled;
            if (is_extra && p.extras != kUnknownExtras) e = unseen(e, extra_sets_[p.extras]);
            // where keys are counted or one must be a witness, a key may come only if the rest can still be made
            if (!o.is_simple() && plan(object, advanced(o, p, i, kUnknownExtras)).cost == kInfinite) continue;
            items.push_back({is_extra ? i | kExtraBit : i, e});
        }
    }
    const std::int32_t lex = lexer_.start(items, layouts_[o.layout].spelling());
    key_lexers_.assign(key, kept_state(lex));
    return lex;
}

// Chooses the keys of a shortest way to close: first who witnesses what, then what is required, then how many.
struct Schemas::KeyPlanner {
    Schemas& schemas;
    const Object& o;
    const Progress& p;
    bool at_least_one;
    std::vector<GoalId>* needs;
    std::vector<std::uint32_t> chosen;  // options of witnesses
    std::uint32_t work = 0;
    Plan<PlannedKey> best;

    std::uint64_t cost_of(std::uint32_t option) {
        const Object::Option& x = o.options[option];
        const std::size_t size = x.key < o.keys.size() ? schemas.key_size(o.keys[x.key].text) : 1;
        return plus(schemas.known_cost(x.goal, needs), size + 4);
    }
    std::uint32_t plain_option(std::uint32_t key) const {  // kNone: the key is forbidden
        const std::uint32_t first = o.first_option[key];
        return first < o.first_option[key + 1] && o.options[first].chosen == 0 ? first : kNone;
    }
    bool is_taken(std::uint32_t key) const {
        return schemas.is_used(o, p, key) ||
               std::any_of(chosen.begin(), chosen.end(), [&](std::uint32_t c) { return o.options[c].key == key; });
    }

    void witness(std::uint32_t left, std::uint64_t cost) {
        if (const auto most = schemas.limits_.max_plan_work; ++work > most)
            throw TooComplex("ways to make an object, tried one by one", most, "max_plan_work");
        if (cost >= best.cost) return;
        if (left == 0) return finish(cost);
        const std::uint32_t lowest = left & (~left + 1);
        for (std::uint32_t i = 0; i < o.first_option.back(); ++i) {
            const Object::Option& x = o.options[i];
            if (!(x.witnessed & lowest) || (x.chosen & ~left)) continue;
            if (x.key < o.keys.size() && is_taken(x.key)) continue;
            const std::uint64_t more = cost_of(i);
            if (more == kInfinite) continue;
            chosen.push_back(i);
            witness(left & ~x.witnessed, plus(cost, more));
            chosen.pop_back();
        }
    }

    void finish(std::uint64_t cost) {
        std::vector<std::uint32_t> all = chosen;
        for (std::uint32_t i = 0; i < o.keys.size(); ++i) {
            if (!o.keys[i].is_required || is_taken(i)) continue;
            const std::uint32_t option = plain_option(i);
            if (option == kNone) return;
            cost = plus(cost, cost_of(option));
            all.push_back(option);
        }
        if (cost >= best.cost) return;
        std::uint32_t num_fill = o.min_properties > p.count + all.size() ? o.min_properties - p.count - static_cast<std::uint32_t>(all.size()) : 0;
        if (at_least_one && all.empty() && num_fill == 0) num_fill = 1;
        if (o.max_properties != kUnbounded && p.count + all.size() + num_fill > o.max_properties) return;
        if (o.extras.empty() && num_fill > o.keys.size()) return;
        if (const auto most = schemas.limits_.max_required_keys; num_fill > most)
            throw TooComplex("keys without a name that an object must have", most, "max_required_keys");
        fill(std::move(all), num_fill, cost);
    }

    void fill(std::vector<std::uint32_t> all, std::uint32_t num_fill, std::uint64_t cost) {
        std::vector<std::pair<std::uint64_t, std::uint32_t>> fillers;  // (cost, option); an extra may come many times
        if (num_fill > 0)
            for (std::uint32_t key = 0; key < o.keys.size() + o.extras.size(); ++key) {
                const std::uint32_t option = plain_option(key);
                if (option == kNone || (key < o.keys.size() && (o.keys[key].is_required || is_taken(key)))) continue;
                if (const std::uint64_t c = cost_of(option); c != kInfinite) fillers.push_back({c, option});
            }
        std::sort(fillers.begin(), fillers.end());
        std::vector<KeyId> seen;
        if (p.extras != kUnknownExtras) seen.assign(schemas.extra_sets_[p.extras].begin(), schemas.extra_sets_[p.extras].end());
        std::vector<PlannedKey> keys;
        for (std::uint32_t option : all)
            if (!add_key(option, seen, keys)) return;
        for (std::size_t i = 0; num_fill > 0;) {
            if (i == fillers.size()) return;
            if (!add_key(fillers[i].second, seen, keys)) {
                ++i;  // these keys are used up
                continue;
            }
            cost = plus(cost, fillers[i].first), --num_fill;
            if (o.options[fillers[i].second].key < o.keys.size()) ++i;
        }
        if (cost >= best.cost) return;
        std::sort(keys.begin(), keys.end(), [&](const PlannedKey& x, const PlannedKey& y) {
            return o.options[option_of(x.label)].key < o.options[option_of(y.label)].key;
        });
        best = {cost, std::move(keys)};
    }

    bool add_key(std::uint32_t option, std::vector<KeyId>& seen, std::vector<PlannedKey>& keys) {
        const Object::Option& x = o.options[option];
        if (x.key < o.keys.size()) {
            keys.push_back({option, o.keys[x.key].text, x.goal});
            return true;
        }
        const auto text = schemas.key_of(schemas.unseen(x.spelled, seen));
        if (!text) return false;
        seen.push_back(*text);
        keys.push_back({option | kExtraBit, seen.back(), x.goal});
        return true;
    }
};

namespace {

std::u32string decoded(const std::string& bytes) {
    std::u32string out;
    Partial partial = 0;
    for (char b : bytes) {
        const SpellStep s = spell_step(Spelling::Text, partial, static_cast<std::uint8_t>(b));
        partial = s.kind == SpellStep::More ? s.value : 0;
        if (s.kind == SpellStep::Char) out.push_back(s.value);
    }
    return out;
}

}  // namespace

// A shortest key of this language, if it has one.
std::optional<KeyId> Schemas::key_of(ExprId keys) {
    const std::int32_t lex = lexer_.start({{0, keys}}, Spelling::Text);
    if (lex < 0) return std::nullopt;
    return intern_key(decoded(lexer_.shortest(static_cast<LexId>(lex))));
}

std::optional<KeyId> Schemas::fresh_key(ExprId keys, const Progress& p) {
    return key_of(p.extras == kUnknownExtras ? keys : unseen(keys, extra_sets_[p.extras]));
}

Plan<PlannedKey> Schemas::plan_keys(const Object& o, const Progress& p, bool at_least_one, std::vector<GoalId>* needs) {
    KeyPlanner planner{*this, o, p, at_least_one, needs, {}, 0, {}};
    planner.witness(o.all_witnessed() & ~p.witnessed, 2);
    return std::move(planner.best);
}

std::string Schemas::key_and_value(const Object& o, const PlannedKey& k, std::uint32_t depth) {
    const std::u32string sep = layout_text(o.layout, Layout::KeySep, depth);
    return quoted(key_text(k.text), layouts_[o.layout].spelling()) + std::string(sep.begin(), sep.end()) +
           shortest(k.goal, depth + 1);
}

}  // namespace guided
