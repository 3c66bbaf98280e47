// What a goal asks of each type: scalars as one expression, objects and arrays as alternatives without choices left.
#include <algorithm>

#include "errors.hpp"
#include "schema.hpp"

namespace guided {

namespace {

constexpr std::uint32_t kMaxInPlaceDepth = 1000;
constexpr std::size_t kMaxAlternatives = 4096, kMaxBranches = 100'000;
constexpr std::size_t kMaxSplit = 8;  // members of one group whose verdicts are told apart

std::u32string ascii(const char* text) { return {text, text + std::char_traits<char>::length(text)}; }

bool has(const Lits& lits, Lit l) { return std::find(lits.begin(), lits.end(), l) != lits.end(); }

[[noreturn]] void too_deep() { throw TooComplex("schemas applied to one and the same value", kMaxInPlaceDepth); }

}  // namespace

bool SchemaNode::constrains(TypeBit type) const {
    if (type == kObject)
        return !properties.empty() || !pattern_properties.empty() || additional != kNone || property_names != kNone || !required.empty() ||
               min_properties > 0 || max_properties != kUnbounded || !some_keys.empty();
    return !prefix.empty() || items != kNone || min_items > 0 || max_items != kUnbounded || !some_items.empty() || unique_items;
}

Schemas::Schemas(ExprPool& pool, Lexer& lexer) : pool_(pool), lexer_(lexer) {
    nodes.emplace_back();  // holds of every value
    nodes[0].is_defined = true;
}

Lit Schemas::add_node(SchemaNode n) {
    n.is_defined = true;
    nodes.push_back(std::move(n));
    return static_cast<Lit>(2 * (nodes.size() - 1));
}

GoalId Schemas::goal(std::uint32_t layout, const Lits& lits) {
    std::vector<std::uint32_t> key{layout};
    for (Lit l : lits)  // in order of appearance: it is the order of keys
        if (l != kTrueLit && std::find(key.begin() + 1, key.end(), l) == key.end()) key.push_back(l);
    auto [it, fresh] = goal_ids_.try_emplace(key, static_cast<GoalId>(goals_.size()));
    if (fresh) {
        goals_.emplace_back();
        goals_.back().layout = layout, goals_.back().lits.assign(key.begin() + 1, key.end());
    }
    return it->second;
}

bool Schemas::literal_holds(Lit l, std::uint32_t bit, std::uint32_t depth) const {
    if (depth > kMaxInPlaceDepth) too_deep();
    const SchemaNode& s = node(l);
    if (!(s.types & bit)) return l & 1;
    auto holds = [&](Lit m) { return literal_holds(m, bit, depth + 1); };
    bool is_true = std::all_of(s.all_of.begin(), s.all_of.end(), holds);
    for (const auto& group : s.any_of) is_true = is_true && std::any_of(group.begin(), group.end(), holds);
    for (const auto& group : s.one_of) is_true = is_true && std::count_if(group.begin(), group.end(), holds) == 1;
    return is_true != bool(l & 1);
}

ExprId Schemas::own_scalar(Lit l, TypeBit type) {
    const SchemaNode& s = node(l);
    const bool is_negated = l & 1;
    const std::uint32_t own = type == kNumber ? s.number : s.string;
    if (!is_negated) return own == kNone ? ExprPool::kAll : own;
    if (own == kNone) return ExprPool::kEmpty;
    if (type == kString) return pool_.negate(own);
    // spellings of a number are not unique: what refuses a value is built from its value, by whoever built `number`
    if (s.number_not == kNone) throw Unsupported("not", "a numeric keyword that cannot be negated exactly");
    return s.number_not;
}

// kAll stands for a number or a string without any condition. Negations are pushed inwards by De Morgan.
ExprId Schemas::scalar_expr(Lit l, TypeBit type, std::uint32_t depth) {
    if (depth > kMaxInPlaceDepth) too_deep();
    const bool is_negated = l & 1;
    const SchemaNode& s = node(l);
    if (!(s.types & type)) return is_negated ? ExprPool::kAll : ExprPool::kEmpty;
    auto of = [&](Lit m) { return scalar_expr(is_negated ? negated(m) : m, type, depth + 1); };
    auto join = [&](std::vector<ExprId> parts, bool is_or) { return is_or ? pool_.alt(std::move(parts)) : pool_.both(std::move(parts)); };
    std::vector<ExprId> parts{own_scalar(l, type)};
    for (Lit m : s.all_of) parts.push_back(of(m));
    for (const auto& group : s.any_of) {
        std::vector<ExprId> members;
        for (Lit m : group) members.push_back(of(m));
        parts.push_back(join(std::move(members), !is_negated));
    }
    for (const auto& group : s.one_of) {
        std::vector<ExprId> yes, no, ways;
        for (Lit m : group) yes.push_back(scalar_expr(m, type, depth + 1)), no.push_back(scalar_expr(negated(m), type, depth + 1));
        for (std::size_t i = 0; i < group.size(); ++i) {
            if (yes[i] == ExprPool::kEmpty) continue;
            if (!is_negated) {
                std::vector<ExprId> way(no);
                way[i] = yes[i];
                ways.push_back(pool_.both(std::move(way)));
            }
            for (std::size_t j = i + 1; is_negated && j < group.size(); ++j)
                if (yes[j] != ExprPool::kEmpty) ways.push_back(pool_.both({yes[i], yes[j]}));
        }
        if (is_negated) ways.push_back(pool_.both(no));
        parts.push_back(pool_.alt(std::move(ways)));
    }
    return join(std::move(parts), is_negated);
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
    Goal& goal = goals_[g];
    if (goal.is_expanded) return goal.expansion;
    const std::uint32_t layout = goal.layout;
    Expansion out;
    std::vector<ExprId> scalars, strings, numbers;
    for (auto [bit, text] : {std::pair{kNull, "null"}, {kFalse, "false"}, {kTrue, "true"}})
        if (std::all_of(goal.lits.begin(), goal.lits.end(), [&](Lit l) { return literal_holds(l, bit, 0); }))
            scalars.push_back(pool_.literal(ascii(text)));
    for (Lit l : goal.lits) numbers.push_back(scalar_expr(l, kNumber, 0)), strings.push_back(scalar_expr(l, kString, 0));
    const ExprId number = pool_.both(std::move(numbers));
    scalars.push_back(number == ExprPool::kAll ? default_number() : number);
    out.scalar = lexer_.start({{0, pool_.alt(std::move(scalars))}}, Spelling::Text);
    out.string = lexer_.start({{0, pool_.both(std::move(strings))}}, layouts_[layout].spelling());
    for (const Lits& alternative : alternatives(goal.lits, kObject, layout)) out.objects.push_back(make_object(layout, alternative));
    for (const Lits& alternative : alternatives(goal.lits, kArray, layout)) out.arrays.push_back(make_array(layout, alternative));
    goal.expansion = std::move(out);
    goal.is_expanded = true;
    return goal.expansion;
}

// One way to satisfy a goal, being made: literals still to visit, choices still to make.
struct Schemas::Branch {
    struct Todo {
        Options options;  // one option: not a choice
        std::vector<std::uint32_t> scopes;
    };
    struct Scope {  // of a schema with unevaluated*
        SchemaId node;
        Annotations evaluated;
    };
    Lits chosen;
    std::vector<std::pair<Lit, std::vector<std::uint32_t>>> visited;
    std::vector<Todo> todo;  // last first
    std::vector<Scope> scopes;
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
    if (group.size() > kMaxSplit) throw TooComplex("members of one anyOf beside unevaluated*", kMaxSplit);
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
bool Schemas::visit(Branch& b, Lit l, const std::vector<std::uint32_t>& scopes, TypeBit type, std::uint32_t layout) {
    for (const auto& [other, in] : b.visited) {
        if (other == negated(l)) return false;
        if (other == l && in == scopes) return true;
    }
    b.visited.push_back({l, scopes});
    const SchemaNode& s = node(l);
    if (l & 1) {
        if (!(s.types & type)) return true;
        const Options& options = refutations(l >> 1, type);
        if (options.empty()) return false;
        b.todo.push_back({options, {}});
        return true;
    }
    if (!(s.types & type)) return false;
    if (s.constrains(type) && !has(b.chosen, l)) b.chosen.push_back(l);
    const Lit unevaluated = type == kObject ? s.unevaluated_properties : s.unevaluated_items;
    for (std::uint32_t scope : scopes) {
        annotate(b.scopes[scope].evaluated, s, type);
        if (unevaluated != kNone && !s.breaks_unevaluated) b.scopes[scope].evaluated.is_all = true;
    }
    std::vector<std::uint32_t> inner = scopes;
    if (unevaluated != kNone) {
        inner.push_back(static_cast<std::uint32_t>(b.scopes.size()));
        b.scopes.push_back({l >> 1, {}});
        annotate(b.scopes.back().evaluated, s, type);
    }
    for (std::size_t i = s.one_of.size(); i-- > 0;) b.todo.push_back({options_of(s.one_of[i], true, false, layout), inner});
    for (std::size_t i = s.any_of.size(); i-- > 0;) b.todo.push_back({options_of(s.any_of[i], false, !inner.empty(), layout), inner});
    for (std::size_t i = s.all_of.size(); i-- > 0;) b.todo.push_back({{{s.all_of[i]}}, inner});
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
        b.chosen.push_back(add_node(std::move(rule)));
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
    b.chosen.push_back(add_node(std::move(rule)));
    return true;
}

std::vector<Lits> Schemas::alternatives(const Lits& goal, TypeBit type, std::uint32_t layout) {
    std::vector<Lits> out;
    std::deque<Branch> branches(1);
    for (auto it = goal.rbegin(); it != goal.rend(); ++it) branches[0].todo.push_back({{{*it}}, {}});
    for (std::size_t work = 0; !branches.empty(); ++work) {
        if (work > kMaxBranches) throw TooComplex("choices that one value opens", kMaxBranches);
        Branch b = std::move(branches.front());
        branches.pop_front();
        bool is_dead = false;
        while (!b.todo.empty() && !is_dead) {
            const Branch::Todo todo = std::move(b.todo.back());
            b.todo.pop_back();
            if (todo.options.size() == 1) {
                for (std::size_t i = todo.options[0].size(); i-- > 1;) b.todo.push_back({{{todo.options[0][i]}}, todo.scopes});
                is_dead = !todo.options[0].empty() && !visit(b, todo.options[0][0], todo.scopes, type, layout);
                continue;
            }
            const bool is_settled = todo.scopes.empty() && std::any_of(todo.options.begin(), todo.options.end(), [&](const Lits& option) {
                return std::all_of(option.begin(), option.end(), [&](Lit l) {
                    return l == kTrueLit || std::any_of(b.visited.begin(), b.visited.end(), [&](const auto& v) { return v.first == l; });
                });
            });
            if (is_settled) continue;
            if (branches.size() + out.size() + todo.options.size() > kMaxAlternatives)
                throw TooComplex("alternatives of one value", kMaxAlternatives);
            for (std::size_t i = todo.options.size(); i-- > 0;) {
                Branch copy = b;
                copy.todo.push_back({{todo.options[i]}, todo.scopes});
                branches.push_front(std::move(copy));
            }
            is_dead = true;  // its copies go on
        }
        if (is_dead || !close_scopes(b, type)) continue;
        out.push_back(std::move(b.chosen));
    }
    // an alternative that asks for all that another asks, and more, adds nothing
    std::vector<Lits> kept;
    auto asks_more = [](const Lits& more, const Lits& less) {
        return std::all_of(less.begin(), less.end(), [&](Lit l) { return has(more, l); });
    };
    for (std::size_t i = 0; i < out.size(); ++i) {
        bool is_needed = true;
        for (std::size_t j = 0; j < out.size() && is_needed; ++j)
            if (i != j && asks_more(out[i], out[j])) is_needed = out[i].size() == out[j].size() && i < j;
        if (is_needed) kept.push_back(out[i]);
    }
    return kept;
}

// The ways in which a value of this type can fail to satisfy the node.
const Schemas::Options& Schemas::refutations(SchemaId n, TypeBit type) {
    if (auto it = refutations_.find({n, type}); it != refutations_.end()) return it->second;
    Options out;
    const SchemaNode& s = nodes[n];
    if (const Lit said = type == kObject ? s.unevaluated_properties : s.unevaluated_items; said != kNone) {
        SchemaNode broken = s;  // all the rest holds, and something unevaluated is not as said
        (type == kObject ? broken.unevaluated_items : broken.unevaluated_properties) = kNone;
        broken.types = type, broken.breaks_unevaluated = true;
        out.push_back({add_node(std::move(broken))});
    }
    if (type == kObject) refute_object(s, out); else refute_array(s, out);
    for (Lit m : s.all_of) out.push_back({negated(m)});
    for (const auto& group : s.any_of) {
        Lits none;
        for (Lit m : group) none.push_back(negated(m));
        out.push_back(std::move(none));
    }
    for (const auto& group : s.one_of) {
        Lits none;
        for (Lit m : group) none.push_back(negated(m));
        out.push_back(std::move(none));
        for (std::size_t i = 0; i < group.size(); ++i)
            for (std::size_t j = i + 1; j < group.size(); ++j) out.push_back({group[i], group[j]});
    }
    return refutations_[{n, type}] = std::move(out);
}

ExprId Schemas::unnamed_keys(const std::vector<KeyId>& names, const std::vector<ExprId>& patterns) {
    std::vector<ExprId> named = patterns;
    std::vector<std::u32string> words;
    for (KeyId text : names) words.push_back(key_texts_[text]);
    named.push_back(pool_.words(std::move(words)));
    return pool_.negate(pool_.alt(std::move(named)));
}

void Schemas::refute_object(const SchemaNode& s, Options& out) {
    auto add = [&](auto&& fill) {
        SchemaNode n;
        fill(n);
        out.push_back({add_node(std::move(n))});
    };
    for (KeyId key : s.required) add([&](SchemaNode& n) { n.properties = {{key, kFalseLit}}; });
    for (const auto& [key, value] : s.properties)
        if (value != kTrueLit) add([&](SchemaNode& n) { n.properties = {{key, negated(value)}}, n.required = {key}; });
    for (const auto& [pattern, value] : s.pattern_properties)
        if (value != kTrueLit) add([&](SchemaNode& n) { n.some_keys = {{pattern, negated(value)}}; });
    Annotations named;  // `additional` speaks of all other keys
    for (const auto& [text, _] : s.properties) named.names.push_back(text);
    for (const auto& [pattern, _] : s.pattern_properties) named.patterns.push_back(pattern);
    if (s.additional != kNone && s.additional != kTrueLit)
        add([&](SchemaNode& n) { n.some_keys = {{unnamed_keys(named.names, named.patterns), negated(s.additional)}}; });
    if (s.property_names != kNone)
        add([&](SchemaNode& n) { n.some_keys = {{scalar_expr(negated(s.property_names), kString, 0), kTrueLit}}; });
    if (s.min_properties > 0) add([&](SchemaNode& n) { n.max_properties = s.min_properties - 1; });
    if (s.max_properties != kUnbounded) add([&](SchemaNode& n) { n.min_properties = s.max_properties + 1; });
    for (const SomeKey& some : s.some_keys) add([&](SchemaNode& n) { n.pattern_properties = {{some.keys, negated(some.value)}}; });
}

void Schemas::refute_array(const SchemaNode& s, Options& out) {
    if (s.unique_items) throw Unsupported("not", "a schema with uniqueItems cannot be negated");
    auto add = [&](auto&& fill) {
        SchemaNode n;
        fill(n);
        out.push_back({add_node(std::move(n))});
    };
    for (std::size_t i = 0; i < s.prefix.size(); ++i) {
        if (s.prefix[i] == kTrueLit) continue;
        add([&](SchemaNode& n) {
            n.prefix.assign(i, kTrueLit), n.prefix.push_back(negated(s.prefix[i])), n.min_items = static_cast<std::uint32_t>(i + 1);
        });
    }
    if (s.items != kNone && s.items != kTrueLit)
        add([&](SchemaNode& n) { n.some_items = {{static_cast<std::uint32_t>(s.prefix.size()), negated(s.items), 1, kUnbounded}}; });
    if (s.min_items > 0) add([&](SchemaNode& n) { n.max_items = s.min_items - 1; });
    if (s.max_items != kUnbounded) add([&](SchemaNode& n) { n.min_items = s.max_items + 1; });
    for (const SomeItems& some : s.some_items) {
        if (some.min > 0) add([&](SchemaNode& n) { n.some_items = {{some.from, some.value, 0, some.min - 1}}; });
        if (some.max != kUnbounded) add([&](SchemaNode& n) { n.some_items = {{some.from, some.value, some.max + 1, kUnbounded}}; });
    }
}

}  // namespace guided
