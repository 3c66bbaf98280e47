// Python's view of the core; bindings_schema.cpp has the part about schemas, and no other file knows Python. Plain data
// goes in and comes out; ids instead of pointers.
#include "bindings.hpp"

#include <nanobind/ndarray.h>

#include "errors.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace guided;

namespace {

using Ids = std::vector<std::uint32_t>;
using MaskOut = nb::ndarray<std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using MaskOut2 = nb::ndarray<std::int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

std::string to_string(nb::bytes b) { return {b.c_str(), b.size()}; }
nb::bytes to_bytes(const std::string& s) { return nb::bytes(s.data(), s.size()); }

TokenBytes token_bytes(nb::tuple tokens) {
    TokenBytes out;
    out.starts.reserve(tokens.size() + 1);
    for (nb::handle token : tokens) {
        if (!token.is_none() && !PyBytes_Check(token.ptr())) throw nb::type_error("a token is bytes or None");
        const std::string_view bytes = token.is_none() ? std::string_view() : std::string_view(PyBytes_AS_STRING(token.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(token.ptr())));
        if (bytes.size() > TokenBytes::kMaxBytes) throw nb::value_error("a token has more than 65,535 bytes");
        out.add(bytes);
    }
    return out;
}

std::u32string to_text(nb::str s) {
    const Py_ssize_t n = PyUnicode_GetLength(s.ptr());
    std::u32string out(static_cast<std::size_t>(n), U'\0');
    for (Py_ssize_t i = 0; i < n; ++i) {
        out[static_cast<std::size_t>(i)] = PyUnicode_ReadChar(s.ptr(), i);
        if (out[static_cast<std::size_t>(i)] >= 0xD800 && out[static_cast<std::size_t>(i)] <= 0xDFFF)
            throw nb::value_error("a text may not hold surrogates");
    }
    return out;
}

// `schema`: the id of the schema node at fault, which Python can place.
void raise(const char* name, nb::tuple args, std::optional<std::uint32_t> schema = {}) {
    nb::object type = nb::module_::import_("guided.errors").attr(name);
    nb::object error = type(*args);
    if (schema) nb::setattr(error, "schema_node", nb::int_(*schema));
    PyErr_SetObject(type.ptr(), error.ptr());
}

struct PyMatcher {
    std::shared_ptr<Grammar> grammar;
    StatePtr state;

    bool take(StatePtr to) {
        if (!to) return false;
        state = std::move(to);
        return true;
    }
};

Limits limits_of(const nb::kwargs& given) {
    Limits out;
    for (auto [key, value] : given) {
        const std::string name = nb::cast<std::string>(key);
        bool is_known = false;
#define LIMIT(field, _) \
    if (name == #field) out.field = nb::cast<std::uint64_t>(value), is_known = true;
        GUIDED_LIMITS(LIMIT)
#undef LIMIT
        if (!is_known) throw nb::value_error(("no such limit: " + name).c_str());
    }
    return out;
}

nb::dict default_limits() {
    nb::dict out;
    const Limits limits;
#define LIMIT(field, _) out[#field] = limits.field;
    GUIDED_LIMITS(LIMIT)
#undef LIMIT
    return out;
}

std::uint32_t json_node(PyBuilder& b, std::uint32_t schema, const std::string& order, nb::str item_separator,
                        nb::str key_separator, const std::string& whitespace, std::optional<std::uint32_t> indent, bool may_exceed) {
    if (order != "declared" && order != "any") throw nb::value_error("order must be 'declared' or 'any'");
    if (whitespace != "flexible" && whitespace != "fixed") throw nb::value_error("whitespace must be 'flexible' or 'fixed'");
    for (const SchemaNode& n : b.schemas().nodes)
        if (!n.is_defined) throw nb::value_error("a schema node was reserved but never defined");
    Layout layout;
    layout.is_flexible = whitespace == "flexible", layout.is_any_order = order == "any";
    if (!layout.is_flexible) layout.item_separator = to_text(item_separator), layout.key_separator = to_text(key_separator), layout.indent = indent;
    return b.builder().json(b.schema(schema), layout, may_exceed);
}

std::int32_t* row_of(const MaskOut& out, const Grammar& g) {
    if (out.shape(0) != g.trie().num_words())
        throw nb::value_error(("the mask must be int32[" + std::to_string(g.trie().num_words()) + "], got int32[" +
                               std::to_string(out.shape(0)) + "]").c_str());
    return out.data();
}

// Arrays that lend their memory are asked for it, in a third of the time that a DLPack capsule takes; others, such as a
// tensor, and what is refused with its reason, go by way of nanobind.
void fill_mask(const PyMatcher& m, nb::handle out) {
    const Grammar& g = *m.grammar;
    Py_buffer lent{};
    if (!PyObject_CheckBuffer(out.ptr()) || PyObject_GetBuffer(out.ptr(), &lent, PyBUF_CONTIG | PyBUF_FORMAT) != 0) {
        PyErr_Clear();
    } else {
        const std::unique_ptr<Py_buffer, decltype(&PyBuffer_Release)> held(&lent, &PyBuffer_Release);
        const std::uint32_t num_words = g.trie().num_words();
        const bool is_int32 = lent.itemsize == 4 && lent.format != nullptr && (std::string_view(lent.format) == "i" || std::string_view(lent.format) == "l");
        if (is_int32 && lent.ndim == 1 && lent.shape[0] == num_words) return m.grammar->row(m.state)->write(static_cast<std::int32_t*>(lent.buf), num_words);
    }
    MaskOut array;
    if (!nb::try_cast(out, array, false)) throw nb::type_error("the mask must be a writable array int32[ceil(V/32)] in the memory of the CPU");
    std::int32_t* const p = row_of(array, g);
    m.grammar->row(m.state)->write(p, g.trie().num_words());
}

nb::object view_of(const PyMatcher& m) {
    const auto& row = m.grammar->row(m.state);
    const std::uint32_t n = m.grammar->trie().num_words();
    WordsPtr words = row->base;
    if (!words || !row->adds.empty() || !row->removes.empty()) {  // written out once for this view
        auto full = std::make_shared<Words>(n);
        row->write(full->bits.data(), n);
        words = std::move(full);
    }
    auto* owner = new WordsPtr(words);
    nb::capsule capsule(owner, [](void* p) noexcept { delete static_cast<WordsPtr*>(p); });
    return nb::cast(nb::ndarray<nb::numpy, const std::int32_t, nb::ndim<1>>(words->bits.data(), {n}, capsule));
}

nb::object allowed_tokens(const PyMatcher& m) {
    auto* out = new std::vector<std::int32_t>(m.grammar->row(m.state)->tokens());
    nb::capsule capsule(out, [](void* p) noexcept { delete static_cast<std::vector<std::int32_t>*>(p); });
    return nb::cast(nb::ndarray<nb::numpy, std::int32_t, nb::ndim<1>>(out->data(), {out->size()}, capsule));
}

void bind_builder(nb::module_& m) {
    nb::class_<PyBuilder> builder(m, "Builder");
    builder
        .def("__init__", [](PyBuilder* self, nb::kwargs given) { new (self) PyBuilder(limits_of(given)); })
        .def("empty", [](PyBuilder&) { return ExprPool::kEmpty; })
        .def("epsilon", [](PyBuilder&) { return ExprPool::kEpsilon; })
        .def("chars", [](PyBuilder& b, const std::vector<std::pair<std::uint32_t, std::uint32_t>>& ranges) {
            std::vector<Range> out;
            for (auto [lo, hi] : ranges) {
                if (lo > hi || hi > kMaxCodePoint) throw nb::value_error("not a range of code points");
                out.push_back({lo, hi});
            }
            return b.pool().set(normalized(std::move(out)));
        }, "ranges"_a)
        .def("literal", [](PyBuilder& b, nb::str text) { return b.pool().literal(to_text(text)); }, "text"_a)
        .def("words", [](PyBuilder& b, const std::vector<nb::str>& texts) {
            std::vector<std::u32string> out;
            for (const auto& t : texts) out.push_back(to_text(t));
            return b.pool().words(std::move(out));
        }, "texts"_a)
        .def("concat", [](PyBuilder& b, const Ids& parts) { return b.pool().cat(b.exprs(parts)); }, "parts"_a)
        .def("alternate", [](PyBuilder& b, const Ids& parts) { return b.pool().alt(b.exprs(parts)); }, "parts"_a)
        .def("intersect", [](PyBuilder& b, const Ids& parts) { return b.pool().both(b.exprs(parts)); }, "parts"_a)
        .def("complement", [](PyBuilder& b, std::uint32_t e) { return b.pool().negate(b.expr(e)); }, "part"_a)
        .def("repeat", [](PyBuilder& b, std::uint32_t e, std::uint32_t min, std::optional<std::uint32_t> max) {
            if (max && *max < min) throw nb::value_error("a repeat needs minimum <= maximum");
            return b.pool().repeat(b.expr(e), min, max.value_or(kUnbounded));
        }, "part"_a, "minimum"_a, "maximum"_a.none())
        .def("automaton", [](PyBuilder& b, const std::vector<std::vector<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>>>& states,
                             const Ids& accepting) {
            Automaton a;
            a.accepting.resize(states.size());
            for (const auto& edges : states) {
                a.states.emplace_back();
                for (auto [lo, hi, to] : edges) {
                    if (to >= states.size()) throw nb::value_error("an edge leads to a state that is not there");
                    a.states.back().push_back({normalized({{lo, hi}}), to});
                }
            }
            for (std::uint32_t s : accepting) {
                if (s >= states.size()) throw nb::value_error("an accepting state that is not there");
                a.accepting[s] = true;
            }
            return b.pool().automaton(a);
        }, "states"_a, "accepting"_a)
        .def("plain_multiples", [](PyBuilder& b, std::uint32_t p, std::uint32_t places, std::uint32_t zeros, bool is_wanted) {
            if (p == 0) throw nb::value_error("nothing is a multiple of 0");
            return plain_multiples(b.pool(), p, places, zeros, is_wanted);
        }, "p"_a, "places"_a, "zeros"_a, "is_wanted"_a)
        .def("mantissas_by_exponent", [](PyBuilder& b, std::uint32_t p, std::int32_t q, std::uint32_t decimals, std::int32_t low, std::int32_t high) {
            if (p == 0) throw nb::value_error("nothing is a multiple of 0");
            return mantissas_by_exponent(b.pool(), p, q, decimals, low, high);
        }, "p"_a, "q"_a, "decimals"_a, "low"_a, "high"_a)
        .def("tabulated", [](PyBuilder& b, std::uint32_t e, std::uint32_t max_states) { return b.pool().tabulated(b.expr(e), max_states); },
             "part"_a, "max_states"_a)
        .def("written", [](PyBuilder& b, std::uint32_t e) { return b.pool().exported(b.expr(e)).text(); }, "part"_a)
        .def("read", [](PyBuilder& b, const std::string& text) { return b.pool().insert(PortableExpr::read(text)); }, "text"_a)
        .def("is_empty", [](PyBuilder& b, std::uint32_t e) { return !b.pool().nonempty(b.expr(e)); }, "part"_a)
        .def("lexeme", [](PyBuilder& b, std::uint32_t e) { return b.builder().lexeme(b.expr(e)); }, "expression"_a)
        .def("raw", [](PyBuilder& b, nb::bytes text) { return b.builder().raw(to_string(text)); }, "text"_a)
        .def("json", &json_node, "schema"_a, nb::kw_only(), "order"_a, "item_separator"_a, "key_separator"_a, "whitespace"_a,
             "indent"_a.none(), "may_exceed"_a = false)
        .def("sequence", [](PyBuilder& b, const Ids& parts) { return b.builder().sequence(parts); }, "parts"_a)
        .def("choice", [](PyBuilder& b, const Ids& parts) { return b.builder().choice(parts); }, "parts"_a)
        .def("repetition", [](PyBuilder& b, std::uint32_t part, std::uint32_t min, std::optional<std::uint32_t> max,
                              std::optional<std::uint32_t> separator) {
            if (max && *max < min) throw nb::value_error("a repetition needs minimum <= maximum");
            b.builder().check_node(part);
            return b.builder().repetition(part, min, max.value_or(kUnbounded), separator ? b.builder().check_node(*separator) : kNone);
        }, "part"_a, "minimum"_a, "maximum"_a.none(), "separator"_a.none())
        .def("rule", [](PyBuilder& b) { return b.builder().rule(); })
        .def("define_rule", [](PyBuilder& b, std::uint32_t node, const std::vector<Ids>& alternatives) {
            b.builder().define_rule(node, alternatives);
        }, "node"_a, "alternatives"_a)
        .def("check", [](PyBuilder& b, std::uint32_t root) {
            b.builder().machine().finish(b.builder().check_node(root));
            b.spend();
        }, "root"_a)
        .def("compile", [](PyBuilder& b, std::uint32_t root, std::shared_ptr<Trie> vocabulary) {
            auto grammar = b.builder().compile(root, std::move(vocabulary));
            b.spend();
            return grammar;
        }, "root"_a, "vocabulary"_a);
    bind_lowering(builder);
}

void bind_matcher(nb::module_& m) {
    nb::class_<PyMatcher>(m, "Matcher", "One state of a compiled grammar: a value. Copies share everything.")
        .def("fork", [](const PyMatcher& x) { return PyMatcher(x); }, "A matcher in the same state, in O(1).")
        .def("__copy__", [](const PyMatcher& x) { return PyMatcher(x); })
        .def("accept_token", [](PyMatcher& x, std::int32_t t) { return x.take(x.grammar->accept_token(x.state, t)); }, "token"_a,
             "Go on with this token; False where it is not allowed, the state unchanged.")
        .def("accept_bytes", [](PyMatcher& x, nb::bytes b) { return x.take(x.grammar->accept_bytes(x.state, to_string(b))); },
             "text"_a, "Go on with these bytes; False where they are not allowed, the state unchanged.")
        .def("fill_mask", &fill_mask, "out"_a, "Write int32[ceil(V/32)]: bit (t & 31) of word (t >> 5) says whether token t may come.")
        .def("mask_view", &view_of, "The same bits, read-only; the view keeps its row alive.")
        .def("allowed_tokens", &allowed_tokens, "int32 ids of the tokens that may come, ascending.")
        .def("num_allowed", [](const PyMatcher& x) { return x.grammar->row(x.state)->count; })
        .def("forced_bytes", [](const PyMatcher& x) { return to_bytes(x.grammar->forced(x.state)); },
             "The bytes that must come next whatever the model says; empty where it is free.")
        .def("shortest_completion", [](const PyMatcher& x) { return to_bytes(x.grammar->shortest(x.state)); },
             "The shortest bytes that make the text complete.")
        .def_prop_ro("is_accepting", [](const PyMatcher& x) { return x.grammar->is_accepting(x.state); },
                     "Whether the text so far is complete.")
        .def_prop_ro("is_terminated", [](const PyMatcher& x) { return x.state->is_ended; },
                     "Whether an end-of-text token has been accepted.")
        .def("__eq__", [](const PyMatcher& x, nb::object other) {
            PyMatcher* y = nullptr;
            return nb::try_cast(other, y) && y && x.grammar == y->grammar && x.state == y->state;
        }, "other"_a.none())
        .def("__hash__", [](const PyMatcher& x) { return reinterpret_cast<std::uintptr_t>(x.state.get()) >> 4; });
}

}  // namespace

NB_MODULE(_native, m) {
    nb::set_leak_warnings(false);  // grammars kept for reuse are alive when the interpreter ends
    m.doc() = "The compiled core of guided: vocabularies, constraints and token masks.";
    nb::register_exception_translator([](const std::exception_ptr& p, void*) {
        try {
            std::rethrow_exception(p);
        } catch (const TooComplex& e) {
            raise("ConstraintTooComplex", nb::make_tuple(e.what_is, e.limit, e.name.empty() ? nb::none() : nb::object(nb::str(e.name.c_str()))), e.schema);
        } catch (const Unsupported& e) {
            raise("UnsupportedSchema", nb::make_tuple("", e.keyword, std::string(e.what())), e.schema);
        } catch (const SchemaError& e) {
            if (e.keyword.empty())
                raise("InvalidSchema", nb::make_tuple(e.pointer, std::string(e.what())));
            else
                raise("UnsupportedSchema", nb::make_tuple(e.pointer, e.keyword, std::string(e.what())));
        } catch (const Unsatisfiable& e) {
            raise("UnsatisfiableConstraint", nb::make_tuple(std::string(e.what())));
        }
    });

    nb::class_<Trie>(m, "Vocabulary", "Token bytes as a trie, shared by every grammar compiled for it.")
        .def("__init__", [](Trie* self, nb::sequence tokens, std::vector<std::int32_t> eos_ids) {
            new (self) Trie(token_bytes(nb::tuple(tokens)), std::move(eos_ids));
        }, "tokens"_a, "eos_ids"_a)
        .def_static("from_saved", [](nb::object file, nb::bytes key, std::vector<std::int32_t> eos_ids) {
            auto view = std::make_unique<Py_buffer>();
            if (PyObject_GetBuffer(file.ptr(), view.get(), PyBUF_SIMPLE) != 0) nb::raise_python_error();
            std::shared_ptr<const Py_buffer> owner(view.release(), [](Py_buffer* held) {
                nb::gil_scoped_acquire gil;
                PyBuffer_Release(held);
                delete held;
            });
            const std::string_view data(static_cast<const char*>(owner->buf), static_cast<std::size_t>(owner->len));
            return std::make_unique<Trie>(data, ContentKey(key.c_str(), key.size()), owner, std::move(eos_ids));
        }, "file"_a, "key"_a, "eos_ids"_a, "What `saved` has written, without building; ValueError says why it cannot be used.")
        .def("saved", [](Trie& t, nb::bytes key) { return to_bytes(t.saved(ContentKey(key.c_str(), key.size()))); }, "key"_a,
             "All tables as the bytes of a file; empty on machines that are not little endian.")
        .def_prop_ro("size", &Trie::num_tokens)
        .def_prop_ro("num_rows", &Trie::num_rows)
        .def_prop_ro("num_row_bytes", &Trie::num_row_bytes)
        .def_prop_ro("max_token_bytes", &Trie::max_token_bytes);
    m.attr("TABLES_FORMAT") = kTablesFormat;
    bind_attention(m);
    bind_document(m);
    bind_builder(m);
    m.def("default_limits", &default_limits, "What a builder without arguments allows.");
    m.def("num_block_bytes", &Blocks::num_bytes, "Bytes of large arrays in use, which the C library does not count.");
    nb::class_<Grammar>(m, "Grammar", "A compiled grammar; grown lazily as it is used.")
        .def("start", [](std::shared_ptr<Grammar> g, nb::bytes prefix) {
            StatePtr s = g->start(to_string(prefix));
            return PyMatcher{std::move(g), std::move(s)};
        }, "prefix"_a = nb::bytes("", 0))
        .def_prop_ro("num_states", &Grammar::num_states)
        .def_prop_ro("num_rows", &Grammar::num_rows)
        .def_prop_ro("num_bytes", &Grammar::num_bytes)
        .def_prop_ro("num_bytes_grown", &Grammar::num_bytes_grown);
    bind_matcher(m);
    m.def("fill_masks", [](const std::vector<const PyMatcher*>& matchers, const MaskOut2& out) {
        if (out.shape(0) != matchers.size()) throw nb::value_error("one row of the mask for each matcher");
        for (std::size_t i = 0; i < matchers.size(); ++i) {
            const Grammar& g = *matchers[i]->grammar;
            if (out.shape(1) != g.trie().num_words()) throw nb::value_error("rows of the mask must be int32[ceil(V/32)]");
            matchers[i]->grammar->row(matchers[i]->state)->write(out.data() + i * out.shape(1), g.trie().num_words());
        }
    }, "matchers"_a, "out"_a.noconvert(), "Write the masks of many matchers, int32[n, ceil(V/32)], in one call.");
}
