// Python's view of schemas: documents frozen from Python's values, and their lowering, which asks Python for patterns,
// formats, numbers, and references beyond the document.
#include "bindings.hpp"

#include <cmath>
#include <unordered_set>

namespace nb = nanobind;
using namespace nb::literals;

namespace guided {

namespace {

nb::str to_str(std::string_view text) {
    PyObject* made = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogatepass");
    if (!made) throw nb::python_error();
    return nb::steal<nb::str>(made);
}

// Reads a value of Python into a document: without recursion, and without running any code of the value's classes,
// except to list the entries of a subclass of dict.
class Freezer {
   public:
    Freezer(Document& document, nb::object ids, nb::object objects)
        : document_(document), ids_(std::move(ids)), objects_(std::move(objects)) {}

    ValueId freeze(nb::handle value) {
        const ValueId root = begin(value);
        while (!open_.empty()) {
            Open& top = open_.back();
            if (top.next == top.size) {
                open_.pop_back();
                continue;
            }
            const std::uint32_t index = top.next++;
            const ValueId container = top.id;
            if (top.is_array) {
                if (PySequence_Fast_GET_SIZE(top.entries.ptr()) != static_cast<Py_ssize_t>(top.size)) throw nb::value_error("a list changed while it was read");
                const nb::object item = nb::borrow(PySequence_Fast_GET_ITEM(top.entries.ptr(), static_cast<Py_ssize_t>(index)));
                document_.set_item(container, index, begin(item));
            } else {
                PyObject *key = nullptr, *item = nullptr;
                if (!PyDict_Next(top.entries.ptr(), &top.position, &key, &item)) throw nb::value_error("a dict changed while it was read");
                top.key = key;
                const nb::object kept = nb::borrow(item);
                const nb::object held = nb::borrow(key);
                const ValueId made = begin(kept);  // may move `top`
                with_text(held, [&](std::string_view text) { document_.set_member(container, index, text, made); });
            }
        }
        return root;
    }

   private:
    struct Open {
        nb::handle source;   // the container itself, which the one around it keeps alive
        nb::object entries;  // a list or tuple, or a dict with keys that are strings
        ValueId id;
        std::uint32_t size, next = 0;
        bool is_array;
        Py_ssize_t position = 0;
        nb::handle key = {};  // of the member that is being read
    };

    ValueId begin(nb::handle v) {
        PyObject* p = v.ptr();
        if (p == Py_None) return document_.add(JsonKind::Null);
        if (p == Py_True) return document_.add(JsonKind::True);
        if (p == Py_False) return document_.add(JsonKind::False);
        if (PyUnicode_Check(p)) {
            ValueId out = kNoValue;
            with_text(v, [&](std::string_view text) { out = document_.add(JsonKind::String, text); });
            return out;
        }
        if (PyDict_Check(p)) return begin_container(v, JsonKind::Object);
        if (PyList_Check(p) || PyTuple_Check(p)) return begin_container(v, JsonKind::Array);
        return number(v);
    }

    ValueId begin_container(nb::handle v, JsonKind kind) {
        if (ids_.is_valid()) {
            const nb::object known = ids_.attr("get")(nb::int_(reinterpret_cast<std::uintptr_t>(v.ptr())));
            if (!known.is_none()) return nb::cast<ValueId>(known);
        }
        refuse_cycles();
        nb::object entries = nb::borrow(v);
        if (kind == JsonKind::Object) entries = plain_dict(v);
        const Py_ssize_t size = kind == JsonKind::Object ? PyDict_GET_SIZE(entries.ptr()) : PySequence_Fast_GET_SIZE(entries.ptr());
        const ValueId id = document_.add_container(kind, static_cast<std::uint32_t>(size));
        if (ids_.is_valid()) {
            ids_[nb::int_(reinterpret_cast<std::uintptr_t>(v.ptr()))] = id;
            objects_[nb::int_(id)] = v;
        }
        open_.push_back({v, std::move(entries), id, static_cast<std::uint32_t>(size), 0, kind == JsonKind::Array});
        return id;
    }

    // The dict itself if its keys are strings, else with keys as JSON writes them.
    nb::object plain_dict(nb::handle v) {
        if (PyDict_CheckExact(v.ptr())) {
            PyObject *key = nullptr, *item = nullptr;
            Py_ssize_t position = 0;
            bool are_texts = true;
            while (are_texts && PyDict_Next(v.ptr(), &position, &key, &item)) are_texts = PyUnicode_Check(key);
            if (are_texts) return nb::borrow(v);
        }
        const nb::object entries = nb::steal(PyMapping_Items(v.ptr()));
        if (!entries.is_valid()) throw nb::python_error();
        nb::dict out;
        for (nb::handle entry : entries) {
            const nb::handle key = entry[0].ptr();
            nb::object text = nb::borrow(key);
            if (key.is(Py_True) || key.is(Py_False))
                text = nb::str(key.is(Py_True) ? "true" : "false");
            else if (key.is_none())
                text = nb::str("null");
            else if (!PyUnicode_Check(key.ptr()))
                text = nb::str(key);
            out[text] = entry[1];
        }
        return out;
    }

    ValueId number(nb::handle v) {
        PyObject* p = v.ptr();
        nb::object spelled;
        if (PyLong_Check(p)) {
            spelled = nb::steal(PyLong_Type.tp_repr(p));
        } else if (PyFloat_Check(p)) {
            if (!std::isfinite(PyFloat_AS_DOUBLE(p))) fail(nb::cast<std::string>(nb::str(v)) + " is not a JSON number");
            spelled = nb::steal(PyFloat_Type.tp_repr(p));
        } else if (nb::isinstance(v, nb::module_::import_("decimal").attr("Decimal"))) {
            if (!nb::cast<bool>(v.attr("is_finite")())) fail(nb::cast<std::string>(nb::str(v)) + " is not a JSON number");
            spelled = nb::str(v);
        } else {
            fail(nb::cast<std::string>(nb::repr(v)) + " is not JSON");
        }
        if (!spelled.is_valid()) {  // Python writes no integers of more than some thousand digits
            PyErr_Clear();
            fail("a number with too many digits");
        }
        ValueId out = kNoValue;
        with_text(spelled, [&](std::string_view text) { out = document_.add(JsonKind::Number, text); });
        return out;
    }

    // What contains itself is deep: so looking at some depths is enough.
    void refuse_cycles() {
        const std::size_t depth = open_.size();
        if (depth < 256 || (depth & (depth - 1)) != 0) return;
        std::unordered_set<PyObject*> seen;
        for (const Open& o : open_)
            if (!seen.insert(o.source.ptr()).second) fail("the schema contains itself");
    }

    [[noreturn]] void fail(const std::string& reason) {
        SchemaPaths paths;
        PathId path = paths.root("");
        Document keys;
        const ValueId names = keys.add_container(JsonKind::Object, static_cast<std::uint32_t>(open_.size()));
        for (std::uint32_t i = 0; i < open_.size(); ++i) {
            if (open_[i].is_array) {
                path = paths.below(path, open_[i].next - 1);
                continue;
            }
            with_text(open_[i].key, [&](std::string_view text) { keys.set_member(names, i, text, kNoValue); });
            path = paths.below(path, keys.member(names, i).key);
        }
        throw SchemaError(paths.pointer(keys, path), reason);
    }

    Document& document_;
    nb::object ids_, objects_;  // where identities are to be known: value by id() of a container, container by value
    std::vector<Open> open_;
};

nb::object thawed_scalar(const Document& d, ValueId v) {
    switch (d.kind(v)) {
        case JsonKind::Null: return nb::none();
        case JsonKind::False: return nb::bool_(false);
        case JsonKind::True: return nb::bool_(true);
        case JsonKind::String: return to_str(d.text(v));
        default: {
            const std::string text(d.text(v));
            if (text.find_first_not_of("-0123456789") != text.npos) return nb::module_::import_("decimal").attr("Decimal")(text);
            PyObject* number = PyLong_FromString(text.c_str(), nullptr, 10);
            if (!number) throw nb::python_error();
            return nb::steal(number);
        }
    }
}

// All of the document as Python's values, numbers exact.
nb::object thawed(const Document& d) {
    std::vector<nb::object> made(d.size());
    for (ValueId v = 0; v < d.size(); ++v) {
        if (d.is(v, JsonKind::Object))
            made[v] = nb::dict();
        else if (d.is(v, JsonKind::Array))
            made[v] = nb::list();
        else
            made[v] = thawed_scalar(d, v);
    }
    for (ValueId v = 0; v < d.size(); ++v) {
        if (d.is(v, JsonKind::Object))
            for (const Document::Member& m : d.members(v)) made[v][to_str(d.text(m.key))] = made[m.value];
        else if (d.is(v, JsonKind::Array))
            for (const ValueId item : d.items(v)) nb::borrow<nb::list>(made[v]).append(made[item]);
    }
    return made[0];
}

// The Python object that answers what the core cannot; its class is guided.constraints.json_schema.outside.Outside. It is
// asked for expressions that are not kept, and makes them in builders of their own.
class PyOutside : public SchemaOutside {
    // An error of Python made one that says where in the schema.
    template <class Work>
    auto placed(const Where& where, Work&& work) {
        try {
            return work();
        } catch (nb::python_error& problem) {
            const nb::object better = answers_.attr("placed")(problem.value(), where.pointer());
            PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(better.ptr())), better.ptr());
            throw nb::python_error();
        }
    }
    std::string key_of_number(const char* what, bool is_refused) const {
        return std::string(what) + (has_integral_floats_ ? " new " : " old ") + (is_refused ? "refused" : "wanted");
    }

   public:
    PyOutside(nb::object answers, PyBuilder& builder)
        : answers_(std::move(answers)), cache_(nb::cast<ExpressionCache&>(answers_.attr("expressions"))), builder_(builder),
          has_integral_floats_(nb::cast<bool>(answers_.attr("has_integral_floats"))) {}

    ExprId pattern(std::string_view pattern, const Where& where) override {
        std::string key = "pattern ecma found ";  // as guided.constraints.regex.lower names it
        key += pattern;
        return placed(where, [&] {
            return *shared_expression(builder_, cache_, key, [&](const nb::object& b) { return answers_.attr("pattern")(b, to_str(pattern)); });
        });
    }
    std::optional<ExprId> format(std::string_view name, const Where& where) override {
        std::string key = "format ";
        key += name;
        return placed(where, [&] {
            return shared_expression(builder_, cache_, key, [&](const nb::object& b) { return answers_.attr("format")(b, to_str(name)); });
        });
    }
    ExprId range(const NumericRange& r, bool is_refused) override {
        std::string key = key_of_number("range", is_refused);
        key += r.is_low_open ? '(' : '[';
        key += r.low, key += "..", key += r.high;
        key += r.is_high_open ? ')' : ']';
        if (r.is_integer) key += 'i';
        return *shared_expression(builder_, cache_, key, [&](const nb::object& b) {
            return answers_.attr("range")(b, to_str(r.low), to_str(r.high), r.is_low_open, r.is_high_open, r.is_integer, is_refused);
        });
    }
    ExprId multiples(std::string_view divisor, bool is_small, bool is_refused) override {
        std::string key = key_of_number(is_small ? "small multiple" : "multiple", is_refused) + ' ';
        key += divisor;
        return *shared_expression(builder_, cache_, key, [&](const nb::object& b) {
            return answers_.attr("multiples")(b, to_str(divisor), is_small, is_refused);
        });
    }
    ExprId listed(const std::vector<std::string_view>& numbers, bool is_refused) override {
        std::string key = key_of_number("listed", is_refused);
        for (const std::string_view n : numbers) key += ' ', key += n;
        return *shared_expression(builder_, cache_, key, [&](const nb::object& b) {
            nb::list spelled;
            for (const std::string_view n : numbers) spelled.append(to_str(n));
            return answers_.attr("listed")(b, spelled, is_refused);
        });
    }
    bool is_multiple(std::string_view number, std::string_view divisor) override {
        return nb::cast<bool>(answers_.attr("is_multiple")(to_str(number), to_str(divisor)));
    }
    Target root() override { return target(answers_.attr("root")()); }
    Target enter(const Place& place, const Where& where) override {
        return target(answers_.attr("enter")(place.schema, where.pointer(), place.base, place.scope));
    }
    Target follow(const Place& place, Keyword keyword, const Where& where) override {
        return target(answers_.attr("follow")(place.schema, std::string(name_of(keyword)), where.pointer(), place.base, place.scope));
    }

   private:
    Target target(const nb::object& given) {
        auto [schema, pointer, base, scope] = nb::cast<std::tuple<ValueId, std::string, std::uint32_t, std::uint32_t>>(given);
        return {schema, std::move(pointer), base, scope};
    }

    nb::object answers_;
    ExpressionCache& cache_;
    PyBuilder& builder_;
    bool has_integral_floats_;
};

KeywordSet keywords_without(int draft, const std::vector<std::string>& left_out) {
    KeywordSet out = keywords_of(draft);
    for (const std::string& name : left_out) out &= ~bit(keyword_named(name));
    return out;
}

std::uint32_t lower_schema(PyBuilder& b, std::shared_ptr<Document> document, nb::object outside, int draft,
                           const std::vector<std::string>& left_out, bool asserts_formats, std::uint64_t max_nodes) {
    PyOutside answers(std::move(outside), b);
    LoweringOptions options;
    options.draft = draft, options.enforced = keywords_without(draft, left_out);
    options.asserts_formats = asserts_formats, options.max_nodes = max_nodes;
    SchemaLowering lowering(b.pool(), b.schemas(), std::move(document), answers, options);
    const SchemaId root = lowering.lower();
    b.places.push_back(lowering.places());
    return root;
}

std::optional<std::string> pointer_of(const PyBuilder& b, SchemaId node) {
    for (const auto& places : b.places)
        if (auto pointer = places->pointer(node)) return pointer;
    return {};
}

nb::object literal(Lit l) { return nb::int_(l & 1 ? ~std::int64_t{l >> 1} : std::int64_t{l >> 1}); }
nb::object or_none(std::uint32_t x) { return x == kNone ? nb::none() : nb::object(nb::int_(x)); }
nb::object literal_or_none(Lit l) { return l == kNone ? nb::none() : literal(l); }
nb::list literals(const Lits& all) {
    nb::list out;
    for (const Lit l : all) out.append(literal(l));
    return out;
}
nb::list groups(const std::vector<Lits>& all) {
    nb::list out;
    for (const Lits& g : all) out.append(literals(g));
    return out;
}

// What a lowered node says, for those who want to judge it.
nb::dict schema_node(PyBuilder& b, std::uint32_t id) {
    const Schemas& schemas = b.schemas();
    const SchemaNode& n = schemas.nodes[b.schema(id)];
    const auto key = [&](KeyId k) {
        const std::u32string text = schemas.key_text(k);
        return nb::steal(PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, text.data(), static_cast<Py_ssize_t>(text.size())));
    };
    nb::list properties, patterns, required, some_items;
    for (const auto& [k, value] : n.properties) properties.append(nb::make_tuple(key(k), literal(value)));
    for (const auto& [keys, value] : n.pattern_properties) patterns.append(nb::make_tuple(keys, literal(value)));
    for (const KeyId k : n.required) required.append(key(k));
    for (const SomeItems& s : n.some_items)
        some_items.append(nb::make_tuple(s.from, literal(s.value), s.min, or_none(s.max), s.evaluates));
    nb::dict out;
    out["types"] = n.types, out["string"] = or_none(n.string);
    out["number"] = or_none(n.number), out["number_not"] = or_none(n.number_not);
    out["properties"] = properties, out["pattern_properties"] = patterns, out["additional"] = literal_or_none(n.additional);
    out["property_names"] = literal_or_none(n.property_names), out["required"] = required;
    out["min_properties"] = n.min_properties, out["max_properties"] = or_none(n.max_properties);
    out["prefix_items"] = literals(n.prefix), out["items"] = literal_or_none(n.items);
    out["min_items"] = n.min_items, out["max_items"] = or_none(n.max_items);
    out["some_items"] = some_items, out["unique_items"] = n.unique_items;
    out["all_of"] = literals(n.all_of), out["any_of"] = groups(n.any_of), out["one_of"] = groups(n.one_of);
    out["unevaluated_properties"] = literal_or_none(n.unevaluated_properties);
    out["unevaluated_items"] = literal_or_none(n.unevaluated_items);
    return out;
}

}  // namespace

void bind_document(nb::module_& m) {
    nb::class_<Document>(m, "Document", "A JSON value, frozen; equal ones are spelled alike.")
        .def(nb::init<>())
        .def("add", [](Document& d, nb::handle value, nb::dict ids, nb::dict objects) { return Freezer(d, ids, objects).freeze(value); },
             "value"_a.none(), "ids"_a, "objects"_a)
        .def("thaw", &thawed)
        .def("is_plain", &Document::is_plain, "draft"_a)
        .def("root_member", [](const Document& d, const std::string& key) -> nb::object {
            const ValueId found = d.is(0, JsonKind::Object) ? d.find(0, key) : kNoValue;
            if (found == kNoValue) return nb::none();
            return d.is(found, JsonKind::Object) || d.is(found, JsonKind::Array) ? nb::object(nb::tuple()) : thawed_scalar(d, found);
        }, "key"_a)
        .def_prop_ro("text", [](const Document& d) { return d.json(0); })
        .def("__eq__", [](const Document& d, nb::object other) {
            Document* o = nullptr;
            return nb::try_cast(other, o) && o && d == *o;
        }, "other"_a.none())
        .def("__hash__", &Document::hash)
        .def("__reduce__", [](const Document& d) {
            return nb::make_tuple(nb::module_::import_("guided._native").attr("freeze"), nb::make_tuple(thawed(d)));
        });
    nb::class_<ExpressionCache>(m, "ExpressionCache", "Expressions that were built lately, by what they were built from.")
        .def(nb::init<std::size_t, std::size_t>(), "max_bytes"_a, "largest"_a)
        .def_prop_ro("num_bytes", &ExpressionCache::num_bytes)
        .def("__len__", &ExpressionCache::size);
    m.def("freeze", [](nb::handle value) {
        auto document = std::make_shared<Document>();
        Freezer(*document, {}, {}).freeze(value);
        return document;
    }, "value"_a.none());
    m.def("keywords", [] {
        nb::list out;
        for (const KeywordFacts& k : kKeywords)
            if (k.first_draft) out.append(nb::make_tuple(nb::str(k.name.data(), k.name.size()), k.first_draft, k.last_draft));
        return out;
    });
}

void bind_lowering(nb::class_<PyBuilder>& builder) {
    builder
        .def("shared", [](PyBuilder& b, ExpressionCache& cache, nb::str key, const nb::callable& build) {
            std::optional<ExprId> out;
            with_text(key, [&](std::string_view text) { out = shared_expression(b, cache, text, [&](const nb::object& s) { return build(s); }); });
            return out.value();
        }, "cache"_a, "key"_a, "build"_a)
        .def("lower_schema", &lower_schema, "document"_a, "outside"_a, nb::kw_only(), "draft"_a, "left_out"_a, "asserts_formats"_a, "max_nodes"_a)
        .def("schema_pointer", &pointer_of, "node"_a)
        .def("schema_node", &schema_node, "node"_a)
        .def("matches", [](PyBuilder& b, std::uint32_t e, nb::str text) {
            b.expr(e);
            for (Py_ssize_t i = 0; i < PyUnicode_GetLength(text.ptr()); ++i) e = b.pool().derive(e, PyUnicode_ReadChar(text.ptr(), i));
            return b.pool().nullable(e);
        }, "expression"_a, "text"_a);
}

}  // namespace guided
