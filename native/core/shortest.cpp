// The shortest texts of schemas, which also decide whether a schema can be satisfied at all.
//
// Costs are a least fixpoint over what is required: a goal that needs itself keeps an infinite cost, so it is empty.
#include <algorithm>
#include <functional>

#include "errors.hpp"
#include "schema.hpp"

namespace guided {

namespace {

constexpr std::uint64_t kInfinite = UINT64_MAX;
constexpr std::uint64_t kMaxCost = 1u << 20;  // bytes of a shortest text

std::uint64_t plus(std::uint64_t a, std::uint64_t b) { return a == kInfinite || b == kInfinite ? kInfinite : a + b; }

}  // namespace

std::string Schemas::quoted(const std::u32string& text, Spelling spelling) const {
    std::string out = "\"";
    for (char32_t c : text) out += spell_rest(spelling, 0, c);
    return out + "\"";
}

std::uint64_t Schemas::known_cost(GoalId g, std::vector<GoalId>* needs) {
    if (!goals_[g].is_solved) {
        if (needs) needs->push_back(g); else solve(g);
    }
    return goals_[g].cost;
}

std::uint64_t Schemas::object_cost(std::uint32_t id, std::vector<GoalId>* needs) {
    const Object& o = *objects_[id];
    std::uint64_t total = 2;
    std::uint32_t num = 0;
    std::vector<std::uint64_t> optional;
    for (const Object::Key& k : o.keys) {
        if (!k.is_required && o.min_properties == 0) continue;
        const std::uint64_t cost = plus(known_cost(k.goal, needs), key_texts_[k.text].size() + 4);
        if (k.is_required) total = plus(total, cost), ++num; else optional.push_back(cost);
    }
    if (num > o.max_properties || o.min_properties > o.max_properties) return kInfinite;
    if (num >= o.min_properties) return total;
    std::sort(optional.begin(), optional.end());
    const std::uint64_t extra = plus(known_cost(o.extra_goal, needs), 6);
    for (std::size_t i = 0; num < o.min_properties && total != kInfinite; ++num)
        total = plus(total, i < optional.size() && optional[i] <= extra ? optional[i++] : extra);
    return total;
}

std::uint64_t Schemas::array_cost(std::uint32_t id, std::vector<GoalId>* needs) {
    const Array& a = *arrays_[id];
    if (a.min_items > a.max_items) return kInfinite;
    std::uint64_t total = 2;
    const std::uint32_t in_prefix = std::min<std::uint32_t>(a.min_items, static_cast<std::uint32_t>(a.prefix.size()));
    for (std::uint32_t i = 0; i < in_prefix; ++i) total = plus(total, plus(known_cost(a.prefix[i], needs), 2));
    if (a.min_items > in_prefix && total != kInfinite) {
        const std::uint64_t each = plus(known_cost(a.items, needs), 2);
        total = each == kInfinite ? kInfinite : total + each * (a.min_items - in_prefix);
    }
    return total;
}

std::uint64_t Schemas::candidate_cost(GoalId g, std::vector<GoalId>* needs) {
    const Expansion& e = expand(g);
    std::uint64_t best = kInfinite;
    if (e.scalar >= 0) best = std::min<std::uint64_t>(best, lexer_.shortest(static_cast<LexId>(e.scalar)).size());
    if (e.string >= 0) best = std::min<std::uint64_t>(best, lexer_.shortest(static_cast<LexId>(e.string)).size() + 2);
    const std::vector<std::uint32_t> objects = e.objects, arrays = e.arrays;  // `e` may move below
    for (std::uint32_t o : objects) best = std::min(best, object_cost(o, needs));
    for (std::uint32_t a : arrays) best = std::min(best, array_cost(a, needs));
    return best;
}

void Schemas::solve(GoalId g) {
    std::vector<GoalId> order{g};
    std::unordered_map<GoalId, bool> found{{g, true}};
    std::vector<GoalId> needs;
    for (std::size_t i = 0; i < order.size(); ++i) {
        needs.clear();
        goals_[order[i]].cost = kInfinite;
        candidate_cost(order[i], &needs);
        for (GoalId n : needs)
            if (found.try_emplace(n, true).second) order.push_back(n);
    }
    for (bool changed = true; changed;) {  // costs only fall, so this ends
        changed = false;
        for (auto it = order.rbegin(); it != order.rend(); ++it) {
            needs.clear();
            const std::uint64_t cost = candidate_cost(*it, &needs);
            if (cost < goals_[*it].cost) goals_[*it].cost = cost, changed = true;
        }
    }
    for (GoalId n : order) goals_[n].is_solved = true;
}

std::uint64_t Schemas::cost(GoalId g) {
    if (!goals_[g].is_solved) solve(g);
    return goals_[g].cost;
}

bool Schemas::nonempty(GoalId g) { return cost(g) != kInfinite; }

std::optional<std::vector<PlannedKey>> Schemas::plan(const Object& o, const Progress& p, bool at_least_one) {
    std::vector<PlannedKey> out;
    Progress at = p;
    auto use = [&](Label label, KeyId text, GoalId goal) {
        out.push_back({label, text, goal});
        at = advanced(o, at, label, text);
    };
    const bool is_any_order = layouts_[o.layout].is_any_order;
    // which optional keys to add where a minimum asks for more than what is required
    struct Filler {
        std::uint64_t cost;
        Label label;
    };
    std::vector<Filler> fillers;
    std::uint32_t wanted = num_missing(o, p);
    std::uint32_t num_fill = o.min_properties > p.count + wanted ? o.min_properties - p.count - wanted : 0;
    if (at_least_one && wanted + num_fill == 0) num_fill = 1;
    if (num_fill > 0)
        for (std::uint32_t i = 0; i < o.keys.size(); ++i) {
            const bool is_used = is_any_order || !o.keys[i].is_declared ? p.has(i) : i < p.position;
            if (!is_used && !o.keys[i].is_required && nonempty(o.keys[i].goal))
                fillers.push_back({cost(o.keys[i].goal) + key_texts_[o.keys[i].text].size(), i});
        }
    const bool has_extras = nonempty(o.extra_goal);
    std::sort(fillers.begin(), fillers.end(), [](const Filler& x, const Filler& y) { return x.cost < y.cost; });
    if (has_extras)
        std::erase_if(fillers, [&](const Filler& f) { return f.cost > cost(o.extra_goal) + 1; });
    if (fillers.size() > num_fill) fillers.resize(num_fill);
    const std::uint32_t num_extras = num_fill - static_cast<std::uint32_t>(fillers.size());
    if (num_extras > 0 && !has_extras) return std::nullopt;
    std::vector<Label> chosen;
    for (const Filler& f : fillers) chosen.push_back(f.label);
    for (std::uint32_t i = 0; i < o.keys.size(); ++i) {
        const bool has = is_any_order || !o.keys[i].is_declared ? p.has(i) : i < p.position;
        if (o.keys[i].is_required && !has) {
            if (!nonempty(o.keys[i].goal)) return std::nullopt;
            chosen.push_back(i);
        }
    }
    std::sort(chosen.begin(), chosen.end());  // declared ones first and in order
    for (Label label : chosen) use(label, o.keys[label].text, o.keys[label].goal);
    for (std::uint32_t i = 0; i < num_extras; ++i) {
        ExprId e = o.extra_key;
        std::vector<std::u32string> words;
        if (at.extras != kUnknownExtras)
            for (KeyId text : extra_sets_[at.extras]) words.push_back(key_texts_[text]);
        if (!words.empty()) e = pool_.both({e, pool_.negate(pool_.words(std::move(words)))});
        const std::int32_t lex = lexer_.start({{0, e}}, Spelling::Text);
        if (lex < 0) return std::nullopt;
        const std::string text = lexer_.shortest(static_cast<LexId>(lex));
        use(kExtraLabel, intern_key(std::u32string(text.begin(), text.end())), o.extra_goal);
    }
    if (o.max_properties != kUnbounded && p.count + out.size() > o.max_properties) return std::nullopt;
    return out;
}

std::string Schemas::key_and_value(const Object& o, const PlannedKey& k, std::uint32_t depth) {
    const std::u32string sep = layout_text(o.layout, Layout::KeySep, depth);
    return quoted(key_texts_[k.text], layouts_[o.layout].spelling()) + std::string(sep.begin(), sep.end()) +
           shortest(k.goal, depth + 1);
}

std::string Schemas::shortest(GoalId g, std::uint32_t depth) {
    const std::uint64_t target = cost(g);
    if (target > kMaxCost) throw TooComplex("bytes of the shortest text of a schema", static_cast<std::int64_t>(kMaxCost));
    const Expansion e = expand(g);
    auto part = [&](std::uint32_t layout, Layout::Part p) {
        const std::u32string text = layout_text(layout, p, depth);
        return std::string(text.begin(), text.end());
    };
    if (e.scalar >= 0)
        if (std::string s = lexer_.shortest(static_cast<LexId>(e.scalar)); s.size() <= target) return s;
    if (e.string >= 0)
        if (std::string s = lexer_.shortest(static_cast<LexId>(e.string)); s.size() + 2 <= target) return "\"" + s + "\"";
    for (std::uint32_t id : e.arrays) {
        if (array_cost(id, nullptr) > target) continue;
        const Array& a = *arrays_[id];
        if (a.min_items == 0) return part(a.layout, Layout::ArrayEmpty);
        std::string out = part(a.layout, Layout::ArrayOpen);
        for (std::uint32_t i = 0; i < a.min_items; ++i)
            out += (i ? part(a.layout, Layout::ItemSep) : "") + shortest(a.goal_at(i), depth + 1);
        return out + part(a.layout, Layout::ArrayClose);
    }
    for (std::uint32_t id : e.objects) {
        if (object_cost(id, nullptr) > target) continue;
        const Object& o = *objects_[id];
        const auto keys = plan(o, {});
        if (!keys) continue;
        if (keys->empty()) return part(o.layout, Layout::ObjectEmpty);
        std::string out = part(o.layout, Layout::ObjectOpen);
        for (std::size_t i = 0; i < keys->size(); ++i)
            out += (i ? part(o.layout, Layout::ItemSep) : "") + key_and_value(o, (*keys)[i], depth);
        return out + part(o.layout, Layout::ObjectClose);
    }
    throw Unsatisfiable("a value that nothing satisfies was asked for");
}

}  // namespace guided
