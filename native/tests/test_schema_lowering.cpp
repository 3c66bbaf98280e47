// Documents, exact numbers, and the lowering of schemas with an outside that knows next to nothing.
#include <random>

#include "check.hpp"
#include "schema_lowering.hpp"

using namespace guided;

namespace {

// Reads a few letters as JSON: enough to write documents down.
struct Reader {
    std::string_view text;
    std::size_t at = 0;
    Document d;

    explicit Reader(std::string_view t) : text(t) { value(); }
    char next() {
        while (text[at] == ' ' || text[at] == '\n' || text[at] == ',' || text[at] == ':') ++at;
        return text[at];
    }
    std::string_view word() {  // behind the opening quote
        const std::size_t begin = ++at;
        at = text.find('"', at) + 1;
        return text.substr(begin, at - 1 - begin);
    }
    std::uint32_t count() const {  // parts of the container that begins here
        std::uint32_t depth = 0, commas = 0, parts = 0;
        for (std::size_t i = at; i < text.size(); ++i) {
            const char c = text[i];
            if (c == ']' || c == '}')
                if (--depth == 0) break;
            if (c == ',' && depth == 1) ++commas;
            if (c != ' ' && depth >= 1) parts = 1;
            if (c == '[' || c == '{') ++depth;
        }
        return parts ? commas + 1 : 0;
    }
    ValueId value() {
        const char c = next();
        if (c == '"') return d.add(JsonKind::String, word());
        if (c == '[' || c == '{') {
            const bool is_array = c == '[';
            const std::uint32_t num = count();
            const ValueId out = d.add_container(is_array ? JsonKind::Array : JsonKind::Object, num);
            ++at;
            for (std::uint32_t i = 0; i < num; ++i) {
                next();
                const std::string_view key = is_array ? "" : word();
                const ValueId part = value();
                is_array ? d.set_item(out, i, part) : d.set_member(out, i, key, part);
            }
            next(), ++at;
            return out;
        }
        const std::size_t end = std::min(text.find_first_of(",]} ", at), text.size());
        const std::string_view word = text.substr(at, end - at);
        at = end;
        if (word == "null") return d.add(JsonKind::Null);
        if (word == "true") return d.add(JsonKind::True);
        if (word == "false") return d.add(JsonKind::False);
        return d.add(JsonKind::Number, word);
    }
};

Document document(std::string_view text) { return Reader(text).d; }

struct FewAnswers : SchemaOutside {
    ExprPool& pool;
    std::uint32_t num_asked = 0;
    explicit FewAnswers(ExprPool& p) : pool(p) {}
    ExprId asked() { return pool.literal(std::u32string(++num_asked, U'x')); }
    ExprId pattern(std::string_view, const Where&) override { return asked(); }
    std::optional<ExprId> format(std::string_view name, const Where& where) override {
        if (name == "bad") throw SchemaError(where.pointer(), "bad", "format");
        return asked();
    }
    ExprId range(const NumericRange&, bool) override { return asked(); }
    ExprId multiples(std::string_view, bool, bool) override { return asked(); }
    ExprId listed(const std::vector<std::string_view>&, bool) override { return asked(); }
    bool is_multiple(std::string_view, std::string_view) override { return true; }
    Target root() override { return {0, "", 1, 0}; }
    Target enter(const Place& p, const Where& where) override { return {p.schema, where.pointer(), 1, 1}; }
    Target follow(const Place&, Keyword, const Where&) override { return {0, "", 1, 1}; }
};

struct Lowered {
    Limits limits;
    ExprPool pool{limits};
    Lexer lexer{pool, limits};
    Schemas schemas{pool, lexer, limits};
    FewAnswers outside{pool};
    SchemaId root = 0;
    std::string error;  // the pointer of one
    std::shared_ptr<LoweredPlaces> places;

    explicit Lowered(std::string_view text, int draft = 2020) {
        LoweringOptions options;
        options.draft = draft, options.enforced = keywords_of(draft), options.max_nodes = 1000;
        SchemaLowering lowering(pool, schemas, std::make_shared<Document>(document(text)), outside, options);
        try {
            root = lowering.lower();
        } catch (const SchemaError& e) {
            error = "at " + e.pointer;
        }
        places = lowering.places();
    }
    const SchemaNode& node() const { return schemas.nodes[root]; }
};

}  // namespace

TEST(documents_are_equal_when_spelled_alike) {
    const std::string text = R"({"a": [1, 2.50, true, null, {}], "properties": {"b\u00e9": "x"}})";
    const Document d = document(R"({"a": [1, 2.50, true, null, {}], "properties": {"bé": "x"}})");
    CHECK(d.json(0) == text);
    CHECK(d == document(R"({"a":[1,2.50,true,null,{}],"properties":{"bé":"x"}})"));
    CHECK(d.hash() == document(R"({"a":[1,2.50,true,null,{}],"properties":{"bé":"x"}})").hash());
    CHECK(!(d == document(R"({"properties":{"bé":"x"},"a":[1,2.50,true,null,{}]})")));
    CHECK(d.find(0, Keyword::Properties) == d.find(0, "properties"));
    CHECK(d.find(0, Keyword::Type) == kNoValue);
}

TEST(every_keyword_is_found_by_its_name) {
    for (std::size_t k = 0; k < kNumKeywords; ++k) CHECK(keyword_named(kKeywords[k].name) == static_cast<Keyword>(k));
    for (const char* other : {"", "x", "typ", "types", "$re", "properties2"}) CHECK(keyword_named(other) == Keyword::None);
}

TEST(decimals_compare_by_value) {
    const char* ascending[] = {"-1e400", "-12", "-1.5", "-0.05", "0", "1e-400", "0.049", "0.05", "5e-1", "1", "9.99", "1e1", "100000000000000000001", "1e999999999999999999"};
    for (std::size_t i = 0; i < std::size(ascending); ++i)
        for (std::size_t j = 0; j < std::size(ascending); ++j) CHECK((Decimal(ascending[i]) < Decimal(ascending[j])) == (i < j));
    CHECK(Decimal("1.50e1") == Decimal("15") && Decimal("-0.0") == Decimal("0") && Decimal("1E+2") == Decimal("100"));
    CHECK(Decimal("1e2").is_integer() && Decimal("2.0").is_integer() && !Decimal("2.5e0").is_integer() && Decimal("0").is_integer());
    CHECK(Decimal("1200").as_count() == 1200 && Decimal("4.2e1").as_count() == 42 && Decimal("1e30").as_count() == 4'000'000'000);
}

TEST(equal_values_have_one_class) {
    const Document d = document(R"([{"a": 1, "b": [true]}, {"b": [true], "a": 1.0}, {"a": 1, "b": [1]}, "1", 10e-1, null, [], {}])");
    ValueClasses classes(d);
    std::vector<std::uint32_t> of;
    for (const ValueId v : d.items(0)) of.push_back(classes.of(v));
    CHECK(of[0] == of[1] && of[0] != of[2] && of[3] != of[4] && of[6] != of[7]);
    CHECK(classes.of(d.find(d.item(0, 0), "a")) == of[4]);
}

TEST(schemas_that_name_a_type_share_a_node) {
    const Lowered l(R"({"properties": {"a": {"type": "string"}, "b": {"type": "string", "title": "x"}, "c": {"$ref": "#/$defs/d"}}, "$defs": {"d": true}})");
    CHECK(l.error.empty() && l.node().properties.size() == 3);
    CHECK(l.node().properties[0].second == l.node().properties[1].second && l.node().properties[2].second == kTrueLit);
    CHECK(l.schemas.nodes[l.node().properties[0].second >> 1].types == kString);
}

TEST(errors_say_where) {
    CHECK(Lowered(R"({"properties": {"a/b": {"items": {"type": "strin"}}}})").error == "at /properties/a~1b/items/type");
    CHECK(Lowered(R"({"anyOf": [true, {"format": "bad"}]})").error == "at /anyOf/1/format");
    CHECK(Lowered(R"({"$ref": "#/$defs/x~1y", "$defs": {"x/y": {"minLength": -1}}})").error == "at /$defs/x~1y/minLength");
    CHECK(Lowered(R"({"$ref": "#/x/3", "x": [1]})").error == "at /$ref");
    CHECK(Lowered(R"({"$ref": "#"})").error == "at /$ref");
    CHECK(Lowered(R"({"allOf": [{"$ref": "#"}]})").error == "at ");
    CHECK(Lowered(R"({"required": ["a", "a"]})").error == "at /required");
    CHECK(Lowered(R"({"items": [true]})").error == "at /items" && Lowered(R"({"items": [true]})", 7).error.empty());
}

TEST(places_of_nodes_are_known) {
    const Lowered l(R"({"items": {"minItems": 2}})");
    CHECK(l.places->pointer(l.root) == "" && l.places->pointer(l.node().items >> 1) == "/items" && !l.places->pointer(0));
}

TEST(branches_that_exclude_each_other_need_not_be_counted) {
    CHECK(Lowered(R"({"oneOf": [{"type": "string", "minLength": 1}, {"type": "null", "enum": [null]}]})").node().any_of.size() == 1);
    CHECK(Lowered(R"({"oneOf": [{"const": 1, "minimum": 0}, {"const": 1.0, "maximum": 9}]})").node().one_of.size() == 1);
    const char* tagged = R"({"oneOf": [{"type": "object", "required": ["k"], "properties": {"k": {"const": "a"}}},
                                       {"type": "object", "required": ["k"], "properties": {"k": {"enum": ["b", "c"]}}}]})";
    CHECK(Lowered(tagged).node().any_of.size() == 1 && Lowered(tagged).node().one_of.empty());
}

TEST(nonsense_is_refused_or_lowered) {
    std::mt19937 rng(3);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(rng() % n); };
    std::size_t num_refused = 0;
    for (int round = 0; round < 3000; ++round) {
        const auto value = [&](auto& self, int depth) -> std::string {
            static constexpr const char* kScalars[] = {"1", "-2.5", "1e99", "true", "false", "null", "\"#\"", "\"string\"", "\"#/$defs/d\"", "\"integer\""};
            if (depth == 0 || below(4) == 0) return kScalars[below(std::size(kScalars))];
            const bool is_object = below(4) != 0;
            std::string out = is_object ? "{" : "[";
            for (std::size_t i = 0, n = below(4); i < n; ++i) {
                if (i) out += ", ";
                if (is_object) out += "\"" + std::string(kKeywords[below(kNumKeywords)].name) + std::to_string(i).substr(0, below(8) == 0) + "\": ";
                out += self(self, depth - 1);
            }
            return out + (is_object ? "}" : "]");
        };
        const std::string text = "{\"x\": " + value(value, 2) + ", \"" + std::string(kKeywords[below(43)].name) + "\": " + value(value, 4) +
                                 ", \"$defs\": {\"d\": " + value(value, 2) + "}}";
        static constexpr int kDrafts[] = {4, 6, 7, 2019, 2020};
        num_refused += !Lowered(text, kDrafts[below(5)]).error.empty();
    }
    CHECK(num_refused > 500 && num_refused < 2900);
}
