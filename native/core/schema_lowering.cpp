#include "schema_lowering.hpp"

#include <algorithm>
#include <bit>

namespace guided {

namespace {

constexpr KeywordSet kApplicators = bits(Keyword::AllOf, Keyword::AnyOf, Keyword::OneOf, Keyword::Not, Keyword::If, Keyword::Then, Keyword::Else,
                                         Keyword::Ref, Keyword::DynamicRef, Keyword::RecursiveRef, Keyword::Dependencies,
                                         Keyword::DependentRequired, Keyword::DependentSchemas);
constexpr std::size_t kLargeObject = 32;  // members, from which on they are looked up in a table
constexpr std::size_t kMostExpected = 4096;   // characters of keys that room is made for at once
constexpr std::size_t kUsualExpressions = 100;  // beside those that spell keys
constexpr std::size_t kMostShown = 60;    // characters of a value in an error

std::string replaced(std::string text, std::string_view what, char by) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) text.replace(at, what.size(), 1, by);
    return text;
}

}  // namespace

std::optional<std::string> LoweredPlaces::pointer(SchemaId node) const {
    const auto it = std::ranges::lower_bound(path_of, node, {}, [](const auto& entry) { return entry.first; });
    if (it == path_of.end() || it->first != node) return {};
    return paths.pointer(*document, it->second);
}

SchemaLowering::SchemaLowering(ExprPool& pool, Schemas& schemas, std::shared_ptr<const Document> document, SchemaOutside& outside,
                               const LoweringOptions& options)
    : pool_(pool), schemas_(schemas), document_(std::move(document)), outside_(outside), options_(options),
      is_plain_(document_->is_plain(options.draft)),
      has_unevaluated_(!is_plain_ || document_->has({Keyword::UnevaluatedItems, Keyword::UnevaluatedProperties})),
      is_negating_(has_unevaluated_ ||
                   document_->has({Keyword::Not, Keyword::If, Keyword::OneOf, Keyword::Contains, Keyword::Dependencies,
                                   Keyword::DependentRequired, Keyword::DependentSchemas})),
      places_(std::make_shared<LoweredPlaces>()), classes_(*document_) {
    places_->document = document_;
    const std::size_t num_characters = std::min(document_->num_name_bytes(), kMostExpected);
    pool_.reserve(num_characters + kUsualExpressions), schemas_.reserve_keys(num_characters);
    of_type_.fill(kNone);
}

SchemaId SchemaLowering::lower() {
    const Lit whole = node(root());
    while (!pending_.empty()) {
        const Pending next = pending_.back();
        pending_.pop_back();
        define(next.node, next.place);
    }
    refuse_endless();
    if (!(whole & 1)) return whole >> 1;
    SchemaNode n;  // a grammar needs a node, not a literal
    n.types = 0;
    const SchemaId out = new_node();
    define(out, std::move(n));
    return out;
}

SchemaLowering::Kept SchemaLowering::kept(ValueId schema) const {
    Kept out;
    for (const Document::Member& m : doc().members(schema)) {
        if (!(bit(m.keyword) & options_.enforced)) continue;
        out.set |= bit(m.keyword);
        out.at[static_cast<std::size_t>(m.keyword)] = m.value;
    }
    return out;
}

Lit SchemaLowering::node(Place place) {
    for (std::size_t num_followed = 0;; ++num_followed) {
        if (doc().is_boolean(place.schema)) return is(place.schema, JsonKind::True) ? kTrueLit : kFalseLit;
        if (!is(place.schema, JsonKind::Object))
            throw SchemaError(pointer(place.path), "a schema must be an object or a boolean, not " + doc().json(place.schema).substr(0, kMostShown));
        place = entered(place);
        KeywordSet set = 0;
        ValueId reference = kNoValue;
        for (const Document::Member& m : doc().members(place.schema)) {
            set |= bit(m.keyword);
            if (m.keyword == Keyword::Ref) reference = m.value;
        }
        set &= options_.enforced;
        if (!set) return kTrueLit;
        // up to draft 7 siblings of $ref are ignored
        if (!(set & bit(Keyword::Ref)) || !is(reference, JsonKind::String) || (set != bit(Keyword::Ref) && options_.draft > 7)) break;
        if (num_followed > doc().size()) throw SchemaError(pointer(below(place.path, Keyword::Ref)), "the reference leads back to itself");
        place = follow(place, Keyword::Ref);
    }
    if (node_of_.size() <= place.schema) node_of_.resize(doc().size(), kNone);
    SchemaId& known = place.scope == 0 ? node_of_[place.schema]
                                       : scoped_node_of_.try_emplace(std::uint64_t{place.scope} << 32 | place.schema, kNone).first->second;
    if (known != kNone) return 2 * known;
    if (place.scope != 0) {
        if (was_lowered_.size() <= place.schema) was_lowered_.resize(doc().size(), false);
        if (was_lowered_[place.schema] && ++num_copies_ > std::min(kMostCopies, options_.max_nodes))
            throw TooComplex("a schema with too many dynamic scopes", std::min(kMostCopies, options_.max_nodes));
        was_lowered_[place.schema] = true;
    }
    known = reserve();
    places_->path_of.push_back({known, place.path});
    pending_.push_back({known, place});
    return 2 * known;
}

Lit SchemaLowering::part(const Place& place, ValueId schema, Keyword keyword) {
    const Lit literal = child(place, schema, keyword);
    return literal == kTrueLit && !has_unevaluated_ ? kNone : literal;
}

Lit SchemaLowering::type_node(ValueId schema) {
    ValueId name = kNoValue;
    for (const Document::Member& m : doc().members(schema)) {
        if (!(bit(m.keyword) & options_.enforced)) continue;
        if (m.keyword != Keyword::Type) return kNone;
        name = m.value;
    }
    if (name == kNoValue || !is(name, JsonKind::String)) return kNone;
    const std::uint32_t types = type_bits(doc().text(name));
    if (types == 0) return kNone;
    Lit& known = of_type_[doc().text(name) == "integer" ? 7u : static_cast<unsigned>(std::countr_zero(types))];
    if (known == kNone) {
        Kept only;
        only.set = bit(Keyword::Type), only.at[static_cast<std::size_t>(Keyword::Type)] = name;
        SchemaNode n;
        add_scalars(n, only, {});
        const SchemaId node = new_node();
        define(node, std::move(n));
        known = 2 * node;
    }
    return known;
}

SchemaId SchemaLowering::new_node() {
    schemas_.nodes.emplace_back();
    return static_cast<SchemaId>(schemas_.nodes.size() - 1);
}

SchemaId SchemaLowering::reserve() {
    if (++num_nodes_ > options_.max_nodes) throw TooComplex("a schema with too many parts", options_.max_nodes, "max_schema_nodes");
    return new_node();
}

void SchemaLowering::define(SchemaId node, SchemaNode&& n) {
    n.is_defined = true;
    schemas_.nodes[node] = std::move(n);
}

void SchemaLowering::define(SchemaId node, const Place& place) {
    const Kept schema = kept(place.schema);
    check_shapes(schema, place.schema, place.path);
    SchemaNode n;
    add_scalars(n, schema, place);
    if (n.types & kObject) add_object(n, schema, place);
    if (n.types & kArray) add_array(n, schema, place);
    if (schema.has_any(kApplicators) || !n.any_of.empty()) {
        add_applicators(n, schema, place);
        Lits applied = n.all_of;
        for (const auto* groups : {&n.any_of, &n.one_of})
            for (const Lits& group : *groups) applied.insert(applied.end(), group.begin(), group.end());
        if (!applied.empty()) in_place_.push_back({node, std::move(applied)});
    }
    define(node, std::move(n));
}

void SchemaLowering::check_shapes(const Kept& kept, ValueId schema, PathId path) const {
    for (const Document::Member& m : doc().members(schema)) {
        if (!kept.has(m.keyword)) continue;
        const std::string wanted = shape_wanted(doc(), m.keyword, m.value, options_.draft);
        if (wanted.empty()) continue;
        std::string shown = doc().json(m.value);
        if (shown.size() > kMostShown) shown = shown.substr(0, kMostShown - 3) + "...";
        const std::string name(name_of(m.keyword));
        throw SchemaError(pointer(path) + "/" + name, name + " must be " + wanted + ", not " + shown);
    }
}

// A schema must not apply itself to the same value.
void SchemaLowering::refuse_endless() const {
    if (in_place_.empty()) return;
    std::unordered_map<SchemaId, const Lits*> applied;
    for (const auto& [node, lits] : in_place_) applied.emplace(node, &lits);
    std::unordered_map<SchemaId, bool> is_done;  // false: open
    struct Step {
        SchemaId node;
        bool is_leaving;
    };
    for (const auto& entry : in_place_) {
        std::vector<Step> steps{{entry.first, false}};
        while (!steps.empty()) {
            const Step step = steps.back();
            steps.pop_back();
            if (step.is_leaving) {
                is_done[step.node] = true;
                continue;
            }
            if (!is_done.try_emplace(step.node, false).second) continue;
            steps.push_back({step.node, true});
            const auto it = applied.find(step.node);
            if (it == applied.end()) continue;
            for (const Lit l : *it->second) {
                const auto known = is_done.find(l >> 1);
                if (known == is_done.end())
                    steps.push_back({l >> 1, false});
                else if (!known->second)
                    throw SchemaError(places_->pointer(l >> 1).value_or(""), "the schema applies itself to the same value without end");
            }
        }
    }
}

Place SchemaLowering::root() {
    if (is_plain_) return {0, places_->paths.root(""), 0, 0, true};
    SchemaOutside::Target t = outside_.root();
    return {t.schema, places_->paths.root(std::move(t.pointer)), t.base, t.scope, true};
}

Place SchemaLowering::entered(const Place& place) {
    if (place.base == 0 || place.is_entered || !is(place.schema, JsonKind::Object)) return place;
    if (doc().find(place.schema, options_.draft == 4 ? Keyword::OldId : Keyword::Id) == kNoValue) return place;
    const SchemaOutside::Target t = outside_.enter(place, where(place.path));
    return {place.schema, place.path, t.base, t.scope, true};
}

Place SchemaLowering::follow(const Place& place, Keyword keyword) {
    const std::string_view reference = doc().text(doc().find(place.schema, keyword));
    if (place.base == 0) return follow_local(reference, place, keyword);
    SchemaOutside::Target t = outside_.follow(place, keyword, where(below(place.path, keyword)));
    return {t.schema, places_->paths.root(std::move(t.pointer)), t.base, t.scope, true};
}

Place SchemaLowering::follow_local(std::string_view reference, const Place& place, Keyword keyword) {
    if (const auto known = local_targets_.find(reference); known != local_targets_.end()) return known->second;
    const std::string fragment = percent_decoded(reference.substr(1));
    ValueId target = 0;
    for (std::size_t begin = 0; begin < fragment.size();) {  // at a slash
        const std::size_t end = std::min(fragment.find('/', begin + 1), fragment.size());
        const std::string token = replaced(replaced(fragment.substr(begin + 1, end - begin - 1), "~1", '/'), "~0", '~');
        ValueId next = kNoValue;
        if (is(target, JsonKind::Object)) {
            next = named_member(target, token);
        } else if (is(target, JsonKind::Array) && !token.empty() && token.size() < 10 && token.find_first_not_of("0123456789") == token.npos) {
            const auto index = static_cast<std::uint32_t>(std::stoul(token));
            if (index < doc().num_parts(target)) next = doc().item(target, index);
        }
        if (next == kNoValue)
            throw SchemaError(pointer(below(place.path, keyword)),
                              "the reference '" + std::string(reference) + "' points at nothing: '" + token + "' is not there");
        target = next, begin = end;
    }
    const Place found{target, places_->paths.root(fragment)};
    local_targets_.emplace(reference, found);
    return found;
}

ValueId SchemaLowering::named_member(ValueId object, std::string_view key) {
    // tables look into the texts of the document, which must not grow then
    if (!is_plain_ || doc().num_parts(object) < kLargeObject) return doc().find(object, key);
    const auto [it, is_new] = large_objects_.try_emplace(object);
    if (is_new)
        for (const Document::Member& m : doc().members(object)) it->second.emplace(doc().text(m.key), m.value);
    const auto found = it->second.find(key);
    return found == it->second.end() ? kNoValue : found->second;
}

}  // namespace guided
