// The ways in which a value can satisfy a goal: conjunctions of schemas without choices left.
//
// What must hold is taken first, choices last. Of a choice the ways that contradict what is known are dropped, and all of
// it where one way is known to hold; the choice with the fewest ways left is made first. A way that implies an earlier one
// of a choice that has been made adds nothing: its values have been found there.
#include <algorithm>

#include "errors.hpp"
#include "glance.hpp"

namespace guided {

namespace {

constexpr std::size_t kMaxExcluded = 64;   // ways of earlier branches that are remembered
constexpr std::size_t kMaxOpenKeys = 16;   // named keys that one nameless key is turned into

using Path = std::vector<std::uint32_t>;    // where in the schema something stands: keys are declared in that order
using Scopes = std::vector<std::uint32_t>;  // indices of Branch::scopes

const Path kLast{kNone};  // the path of what stands nowhere

Path child_path(const Path& path, std::size_t i) {
    Path out = path;
    out.push_back(static_cast<std::uint32_t>(i));
    return out;
}

}  // namespace

// What must hold of a way to satisfy a goal.
struct Schemas::BranchUnit {
    Lit lit;
    Scopes scopes;
    Path path;
};

struct Schemas::BranchChoice {
    std::shared_ptr<const Options> options;
    Scopes scopes;
    Path path;
};

// One way, being made.
struct Schemas::Branch {
    struct Scope {  // of a schema with unevaluated*
        SchemaId node;
        Annotations evaluated;
    };
    std::vector<std::pair<Path, Lit>> chosen;
    std::vector<std::pair<Lit, Scopes>> visited;
    std::vector<BranchUnit> units;  // last first
    std::vector<BranchChoice> choices;
    std::vector<Lits> excluded;  // ways that earlier branches follow
    std::vector<Scope> scopes;
    std::vector<std::pair<Lit, Path>> conditions;  // that stand elsewhere than the groups that speak of them

    void take(const Lits& option, const Scopes& in, const Path& path) {
        for (std::size_t i = option.size(); i-- > 0;) units.push_back({option[i], in, child_path(path, i)});
    }
    void choose(Lit l, const Path& path) {
        for (auto& [at, other] : chosen) {
            if (other != l) continue;
            at = std::min(at, path);
            return;
        }
        chosen.push_back({path, l});
    }
};

void Schemas::annotate(Annotations& a, const SchemaNode& s, TypeBit type) const {
    if (type == kObject) {
        for (const auto& [text, _] : s.properties) a.names.push_back(text);
        for (const auto& [pattern, _] : s.pattern_properties) a.patterns.push_back(pattern);
        a.is_all = a.is_all || s.additional != kNone;
        return;
    }
    a.num_items = std::max(a.num_items, static_cast<std::uint32_t>(s.prefix.size()));
    for (const SomeItems& some : s.some_items)
        if (some.evaluates) a.items.push_back(some.value);
    a.is_all = a.is_all || s.items != kNone;
}

// Which choices a group leaves. Split: verdicts of all its members are told apart, for unevaluated* asks which held.
Schemas::Options Schemas::options_of(const std::vector<Lit>& group, bool is_one_of, bool is_split, std::uint32_t layout) {
    Options out;
    if (is_one_of) {
        for (Lit m : group) {
            Lits option{m};
            for (Lit other : group)
                if (other != m && !are_disjoint(m, other, layout)) option.push_back(negated(other));
            if (std::count(group.begin(), group.end(), m) == 1) out.push_back(std::move(option));
        }
        return out;
    }
    if (!is_split) {
        for (Lit m : group) out.push_back({m});
        return out;
    }
    if (group.size() > limits_.max_split) throw TooComplex("members of one anyOf beside unevaluated*", limits_.max_split, "max_split");
    for (std::uint32_t mask = 1; mask < (1u << group.size()); ++mask) {
        Lits option;
        for (std::size_t i = 0; i < group.size(); ++i) option.push_back(mask >> i & 1 ? group[i] : negated(group[i]));
        out.push_back(std::move(option));
    }
    return out;
}

bool Schemas::are_disjoint(Lit x, Lit y, std::uint32_t layout) {
    const std::pair key{std::min(x, y), std::max(x, y)};
    if (auto it = disjoint_.find(key); it != disjoint_.end()) return it->second;
    if (!may_hold({x, y}, 0)) return disjoint_[key] = true;
    if (disjoint_depth_ >= 2) return false;  // inside another such question: not knowing is safe
    ++disjoint_depth_;
    bool out = false;
    try {
        out = !nonempty(goal(layout, {x, y}));
    } catch (...) {
        --disjoint_depth_;
        throw;
    }
    --disjoint_depth_;
    return disjoint_[key] = out;
}

// False: this literal cannot hold here.
bool Schemas::visit(Branch& b, const BranchUnit& unit, TypeBit type, std::uint32_t layout) {
    const Lit l = unit.lit;
    for (const auto& [other, in] : b.visited) {
        if (other == negated(l)) return false;
        if (other == l && in == unit.scopes) return true;
    }
    b.visited.push_back({l, unit.scopes});
    const auto condition = std::find_if(b.conditions.begin(), b.conditions.end(), [&](const auto& c) { return c.first == l; });
    const Path& own = condition == b.conditions.end() ? unit.path : condition->second;
    const SchemaNode& s = node(l);
    if (l & 1) {
        if (!(s.types & type)) return true;
        const auto& options = refutations(l >> 1, type);
        if (options->empty()) return false;
        b.choices.push_back({options, {}, own});
        return true;
    }
    if (!(s.types & type)) return false;
    const auto path = [&](std::size_t i) { return child_path(own, s.order.empty() ? i : s.order[i]); };
    if (s.constrains(type)) b.choose(l, s.order.empty() ? own : path(0));
    const Lit unevaluated = type == kObject ? s.unevaluated_properties : s.unevaluated_items;
    for (std::uint32_t scope : unit.scopes) {
        annotate(b.scopes[scope].evaluated, s, type);
        if (unevaluated != kNone && !s.breaks_unevaluated) b.scopes[scope].evaluated.is_all = true;
    }
    Scopes inner = unit.scopes;
    if (unevaluated != kNone) {
        inner.push_back(static_cast<std::uint32_t>(b.scopes.size()));
        b.scopes.push_back({l >> 1, {}});
        annotate(b.scopes.back().evaluated, s, type);
    }
    std::size_t at = s.all_of.size() + 1;
    for (std::size_t i = s.all_of.size(); i-- > 0;) b.units.push_back({s.all_of[i], inner, path(i + 1)});
    auto choose = [&](Options options) {
        b.choices.push_back({std::make_shared<const Options>(std::move(options)), inner, path(at++)});
    };
    for (const auto& group : s.any_of) choose(options_of(group, false, !inner.empty(), layout));
    for (const auto& group : s.one_of) choose(options_of(group, true, false, layout));
    if (s.condition != kNone) b.conditions.push_back({s.condition, path(at)});
    return true;
}

// What nobody has evaluated is settled once it is known who held. False: it cannot be as asked.
bool Schemas::close_scopes(Branch& b, TypeBit type) {
    for (Branch::Scope& scope : b.scopes) {
        const Annotations& a = scope.evaluated;
        if (nodes[scope.node].breaks_unevaluated) {
            if (a.is_all || !break_scope(b, type, scope.node, a)) return false;
            continue;
        }
        if (a.is_all) continue;
        SchemaNode rule;
        if (type == kObject) {
            for (KeyId name : a.names) rule.properties.push_back({name, kTrueLit});
            for (ExprId pattern : a.patterns) rule.pattern_properties.push_back({pattern, kTrueLit});
            rule.additional = nodes[scope.node].unevaluated_properties;
        } else {
            rule.prefix.assign(a.num_items, kTrueLit);
            rule.items = nodes[scope.node].unevaluated_items;
            if (!a.items.empty()) {
                SchemaNode either;
                either.any_of.push_back(a.items);
                either.any_of.back().push_back(rule.items);
                rule.items = add_node(std::move(either));
            }
        }
        b.choose(add_node(std::move(rule)), kLast);
    }
    return true;
}

bool Schemas::break_scope(Branch& b, TypeBit type, SchemaId id, const Annotations& a) {
    const Lit said = type == kObject ? nodes[id].unevaluated_properties : nodes[id].unevaluated_items;
    if (said == kTrueLit) return false;
    SchemaNode rule;
    if (type == kObject) {
        rule.some_keys = {{unnamed_keys(a.names, a.patterns), negated(said)}};
    } else {
        Lit broken = negated(said);
        if (!a.items.empty()) {
            SchemaNode all;
            all.all_of = {broken};
            for (Lit evaluated : a.items) all.all_of.push_back(negated(evaluated));
            broken = add_node(std::move(all));
        }
        rule.some_items = {{a.num_items, broken, 1, kUnbounded}};
    }
    b.choose(add_node(std::move(rule)), kLast);
    return true;
}

// Visits what must hold. False: it cannot.
bool Schemas::settle_units(Branch& b, TypeBit type, std::uint32_t layout) {
    while (!b.units.empty()) {
        const BranchUnit unit = std::move(b.units.back());
        b.units.pop_back();
        if (!visit(b, unit, type, layout)) return false;
    }
    return true;
}

// A key without a name that must come, where only named ones may: one of these.
void Schemas::name_witness(const Glance& known, const Lits& option, Options& out) {
    for (std::size_t i = 0; i < option.size(); ++i) {
        const SchemaNode& s = node(option[i]);
        if ((option[i] & 1) || !s.is_rule || s.some_keys.size() != 1 || known.type() != kObject) continue;
        const auto names = known.witnesses(s.some_keys[0]);
        if (!names || names->size() > kMaxOpenKeys) continue;
        for (KeyId key : *names) {
            out.push_back(option);
            out.back()[i] = key_rule(key, s.some_keys[0].value, true);
        }
        return;
    }
    out.push_back(option);
}

// The ways of a choice that may still be taken; nothing: it is settled already.
std::optional<Schemas::Options> Schemas::open_options(const Branch& b, const BranchChoice& choice, const Glance& known) {
    Options named, out;
    for (const Lits& option : *choice.options) name_witness(known, option, named);
    for (const Lits& option : named) {
        if (choice.scopes.empty() && known.implies(option)) return std::nullopt;
        Glance with(Glance::Beside{known});
        if (!with.add(option)) continue;
        const bool is_found = choice.scopes.empty() && std::any_of(b.excluded.begin(), b.excluded.end(), [&](const Lits& earlier) {
            return with.implies(earlier);
        });
        if (!is_found) out.push_back(option);
    }
    return out;
}

// Makes all choices that are none any more, and picks the one to make next: its index, or kNone. False: it cannot be.
bool Schemas::settle_choices(Branch& b, TypeBit type, std::uint32_t layout, std::uint32_t& next) {
    for (bool changed = true; changed;) {
        changed = false;
        next = kNone;
        if (!settle_units(b, type, layout)) return false;
        if (b.choices.empty()) return true;
        Glance known(*this, type);
        Lits visited;
        for (const auto& [l, _] : b.visited) visited.push_back(l);
        if (!known.add(visited)) return false;
        for (std::size_t i = 0; i < b.choices.size(); ++i) {
            auto open = open_options(b, b.choices[i], known);
            if (open && open->empty()) return false;
            if (open && open->size() > 1) {
                if (*open != *b.choices[i].options) b.choices[i].options = std::make_shared<const Options>(std::move(*open));
                if (next == kNone || b.choices[i].options->size() < b.choices[next].options->size()) next = static_cast<std::uint32_t>(i);
                continue;
            }
            const BranchChoice choice = std::move(b.choices[i]);
            b.choices.erase(b.choices.begin() + static_cast<std::ptrdiff_t>(i));
            if (open) {
                b.take((*open)[0], choice.scopes, choice.path);
                changed = true;
                break;
            }
            if (next != kNone && next > i) --next;
            --i;
        }
    }
    return true;
}

// Where an option says no more than that a key has not the constant that tells the members of many a oneOf apart: that it
// has it. The other options may say so too, and then readings of one text are fewer, and later choices are settled.
Lit Schemas::pivot_of(const Lits& option) {
    if (option.size() != 1 || (option[0] & 1) || !node(option[0]).is_rule) return kNone;
    const SchemaNode& s = node(option[0]);
    if (s.properties.size() != 1 || !s.required.empty() || !(s.properties[0].second & 1)) return kNone;
    const auto [key, refused] = s.properties[0];
    const SchemaNode& v = node(refused);
    if ((v.types & (kObject | kArray)) || v.types == 0 || !v.all_of.empty() || !v.any_of.empty() || !v.one_of.empty()) return kNone;
    if ((v.types & kString) && (v.string == kNone || !pool_.is_plain(v.string))) return kNone;
    if ((v.types & kNumber) && v.number == kNone) return kNone;
    return key_rule(key, negated(refused), true);
}

Schemas::Options Schemas::pivot_first(Options options) {
    const auto pivot = std::find_if(options.begin(), options.end(), [&](const Lits& option) { return pivot_of(option) != kNone; });
    if (pivot != options.end()) std::rotate(options.begin(), pivot, pivot + 1);
    return options;
}

// Whether a literal holds or not without any other being asked.
bool Schemas::is_without_choices(Lit l, TypeBit type) const {
    const SchemaNode& s = node(l);
    const Lit unevaluated = type == kObject ? s.unevaluated_properties : s.unevaluated_items;
    return !(l & 1) && s.all_of.empty() && s.any_of.empty() && s.one_of.empty() && s.condition == kNone && unevaluated == kNone;
}

std::vector<Lits> Schemas::alternatives(const Lits& goal, TypeBit type, std::uint32_t layout) {
    std::vector<Lits> out;
    if (std::ranges::any_of(goal, [&](Lit l) { return l == kFalseLit || (!(l & 1) && !(node(l).types & type)); })) return out;
    if (std::ranges::all_of(goal, [&](Lit l) { return is_without_choices(l, type); })) {
        out.emplace_back();
        std::ranges::copy_if(goal, std::back_inserter(out[0]), [&](Lit l) { return node(l).constrains(type); });
        return out;
    }
    std::deque<Branch> branches(1);
    branches[0].take(goal, {}, {});
    for (std::size_t work = 0; !branches.empty(); ++work) {
        if (work > limits_.max_choices) throw TooComplex("choices that one value opens", limits_.max_choices, "max_choices");
        Branch b = std::move(branches.front());
        branches.pop_front();
        std::uint32_t next = kNone;
        if (!settle_choices(b, type, layout, next)) continue;
        if (next != kNone) {
            const BranchChoice choice = std::move(b.choices[next]);
            b.choices.erase(b.choices.begin() + next);
            const Options options = pivot_first(*choice.options);
            const Lit pivot = pivot_of(options[0]);
            if (branches.size() + out.size() + options.size() > limits_.max_alternatives)
                throw TooComplex("alternatives of one value", limits_.max_alternatives, "max_alternatives");
            for (std::size_t i = options.size(); i-- > 0;) {
                Branch copy = b;
                copy.take(options[i], choice.scopes, choice.path);
                if (i > 0 && pivot != kNone) copy.units.push_back({pivot, {}, child_path(choice.path, options[i].size())});
                if (choice.scopes.empty())
                    for (std::size_t j = 0; j < i && copy.excluded.size() < kMaxExcluded; ++j) copy.excluded.push_back(options[j]);
                branches.push_front(std::move(copy));
            }
            continue;
        }
        if (!close_scopes(b, type)) continue;
        std::sort(b.chosen.begin(), b.chosen.end());
        out.emplace_back();
        for (const auto& [_, l] : b.chosen) out.back().push_back(l);
    }
    return without_needless(out);
}

// An alternative that asks for all that another asks, and more, adds nothing.
std::vector<Lits> Schemas::without_needless(const std::vector<Lits>& all) {
    std::vector<Lits> sorted = all, kept;
    for (Lits& lits : sorted) std::sort(lits.begin(), lits.end());
    for (std::size_t i = 0; i < all.size(); ++i) {
        bool is_needed = true;
        for (std::size_t j = 0; j < all.size() && is_needed; ++j) {
            if (i == j || sorted[j].size() > sorted[i].size()) continue;
            if (std::includes(sorted[i].begin(), sorted[i].end(), sorted[j].begin(), sorted[j].end()))
                is_needed = sorted[i].size() == sorted[j].size() && i < j;
        }
        if (is_needed) kept.push_back(all[i]);
    }
    return kept;
}

}  // namespace guided
