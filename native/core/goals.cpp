// What a goal asks of each type: scalars as one expression, objects and arrays as alternatives without choices left.
#include <algorithm>

#include "errors.hpp"
#include "schema.hpp"

namespace guided {

namespace {

constexpr std::uint32_t kMaxInPlaceDepth = 1000;

std::u32string ascii(const char* text) { return {text, text + std::char_traits<char>::length(text)}; }

[[noreturn]] void throw_part() {
    throw Unsupported("format", "the format 'regex' is enforced by a part of all patterns, which does not tell what is no pattern; formats='annotate' ignores it");
}

[[noreturn]] void too_deep() { throw TooComplex("schemas applied to one and the same value", kMaxInPlaceDepth); }

}  // namespace

bool SchemaNode::constrains(TypeBit type) const {
    if (type == kString) return string != kNone;
    if (type == kNumber) return number != kNone;
    if (type == kObject)
        return !properties.empty() || !pattern_properties.empty() || additional != kNone || property_names != kNone || !required.empty() ||
               min_properties > 0 || max_properties != kUnbounded || !some_keys.empty() || !differs_from.empty();
    return !prefix.empty() || items != kNone || min_items > 0 || max_items != kUnbounded || !some_items.empty() || unique_items || has_equal_items || !differs_from.empty();
}

Schemas::Schemas(ExprPool& pool, Lexer& lexer, const Limits& limits) : pool_(pool), lexer_(lexer), limits_(limits) {
    extra_sets_.insert({});  // number 0: no keys
    nodes.emplace_back();  // holds of every value
    nodes[0].is_defined = true;
}

Lit Schemas::add_node(SchemaNode n) {
    if (num_given_ == 0) num_given_ = static_cast<SchemaId>(nodes.size());
    n.is_defined = true;
    nodes.push_back(std::move(n));
    return static_cast<Lit>(2 * (nodes.size() - 1));
}

GoalId Schemas::goal(std::uint32_t layout, const Lits& lits) {
    goal_key_.assign(1, layout);
    for (Lit l : lits)  // in order of appearance: it is the order of keys
        if (l != kTrueLit && std::find(goal_key_.begin() + 1, goal_key_.end(), l) == goal_key_.end()) goal_key_.push_back(l);
    const auto [id, is_new] = goal_ids_.insert(goal_key_);
    if (is_new) {
        goals_.emplace_back();
        goals_.back().layout = layout, goals_.back().lits.assign(goal_key_.begin() + 1, goal_key_.end());
    }
    return id;
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
    if (type == kString && s.is_string_part) {
        if (is_negated) throw_part();
        if (takes_parts_as_all_) return ExprPool::kAll;
    }
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
        for (Lit m : group) yes.push_back(scalar_expr(m, type, depth + 1));
        const bool is_split = std::count(yes.begin(), yes.end(), ExprPool::kEmpty) + 1 < std::ssize(yes);
        for (std::size_t i = 0; i < group.size(); ++i)  // where one alone can hold, nobody asks whether it does not
            no.push_back(is_split || is_negated ? scalar_expr(negated(group[i]), type, depth + 1) : ExprPool::kAll);
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

// Whether it holds if all texts are allowed where only a part of them is.
bool Schemas::holds_at_most(const std::function<bool()>& holds) {
    struct Scope {
        bool& is_on;
        explicit Scope(bool& flag) : is_on(flag) { is_on = true; }
        ~Scope() { is_on = false; }
    } scope(takes_parts_as_all_);
    return holds();
}

// That something cannot be must not hang on what a part leaves out.
void Schemas::check_parts(const std::function<bool()>& holds) {
    if (has_string_parts && holds_at_most(holds)) throw_part();
}

const Expansion& Schemas::expand(GoalId g) {
    Goal& goal = goals_[g];
    if (goal.is_expanded) return goal.expansion;
    placed(g, [&] { expand_now(goal); });
    return goal.expansion;
}

// The first of these that was not made on the way.
std::optional<SchemaId> Schemas::given_node(const Lits& lits) const {
    for (Lit l : lits)
        if (num_given_ == 0 || (l >> 1) < num_given_) return l >> 1;
    return std::nullopt;
}

void Schemas::expand_now(Goal& goal) {
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
    const ExprId string = pool_.both(std::move(strings));
    if (pool_.least(string) > kMaxCharacters && string != ExprPool::kEmpty) throw TooComplex("characters of a shortest text", kMaxCharacters);
    if (has_string_parts && !pool_.nonempty(string))
        check_parts([&] {
            strings.clear();
            for (Lit l : goal.lits) strings.push_back(scalar_expr(l, kString, 0));
            return pool_.nonempty(pool_.both(std::move(strings)));
        });
    out.string = lexer_.start({{0, string}}, layouts_[layout].spelling());
    for (const Lits& alternative : alternatives(goal.lits, kObject, layout)) out.objects.push_back(make_object(layout, alternative));
    for (const Lits& alternative : alternatives(goal.lits, kArray, layout)) out.arrays.push_back(make_array(layout, alternative));
    goal.expansion = std::move(out);
    goal.is_expanded = true;
}

// The ways in which a value of this type can fail to satisfy the node.
const std::shared_ptr<const Schemas::Options>& Schemas::refutations(SchemaId n, TypeBit type) {
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
    return refutations_[{n, type}] = std::make_shared<const Options>(std::move(out));
}

ExprId Schemas::unnamed_keys(const std::vector<KeyId>& names, const std::vector<ExprId>& patterns) {
    std::vector<ExprId> named = patterns;
    named.push_back(any_of_keys(names));
    return pool_.negate(pool_.alt(std::move(named)));
}

// "If the key comes, its value satisfies this", and that it comes if it must.
Lit Schemas::key_rule(KeyId key, Lit value, bool is_required) {
    auto [it, fresh] = key_rules_.try_emplace({key, value, is_required}, kNone);
    if (!fresh) return it->second;
    SchemaNode n;
    n.is_rule = true;
    if (value != kTrueLit || !is_required) n.properties = {{key, value}};
    if (is_required) n.required = {key};
    return it->second = add_node(std::move(n));
}

void Schemas::refute_object(const SchemaNode& s, Options& out) {
    auto add = [&](auto&& fill) {
        SchemaNode n;
        n.is_rule = true;
        fill(n);
        out.push_back({add_node(std::move(n))});
    };
    // a key that must be there and be S: that it is not there, or is not S, is one way
    for (KeyId key : s.required) {
        const auto own = std::find_if(s.properties.begin(), s.properties.end(), [&](const auto& p) { return p.first == key; });
        out.push_back({key_rule(key, own == s.properties.end() ? kFalseLit : negated(own->second), false)});
    }
    for (const auto& [key, value] : s.properties)
        if (value != kTrueLit && std::find(s.required.begin(), s.required.end(), key) == s.required.end())
            out.push_back({key_rule(key, negated(value), true)});
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
    for (Lit old : s.differs_from)
        if (node(old).types == kObject) out.push_back({old});
    for (const SomeKey& some : s.some_keys) add([&](SchemaNode& n) { n.pattern_properties = {{some.keys, negated(some.value)}}; });
}

void Schemas::refute_array(const SchemaNode& s, Options& out) {
    auto add = [&](auto&& fill) {
        SchemaNode n;
        n.is_rule = true;
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
    if (s.unique_items) add([](SchemaNode& n) { n.has_equal_items = true; });
    if (s.has_equal_items) add([](SchemaNode& n) { n.unique_items = true; });
    if (s.min_items > 0) add([&](SchemaNode& n) { n.max_items = s.min_items - 1; });
    if (s.max_items != kUnbounded) add([&](SchemaNode& n) { n.min_items = s.max_items + 1; });
    for (Lit old : s.differs_from)
        if (node(old).types == kArray) out.push_back({old});
    for (const SomeItems& some : s.some_items) {
        if (some.min > 0) add([&](SchemaNode& n) { n.some_items = {{some.from, some.value, 0, some.min - 1}}; });
        if (some.max != kUnbounded) add([&](SchemaNode& n) { n.some_items = {{some.from, some.value, some.max + 1, kUnbounded}}; });
    }
}

}  // namespace guided
