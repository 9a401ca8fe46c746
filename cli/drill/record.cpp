#include "cli/drill/record.h"

#include "cli/json.h"

#include <cmath>

namespace signet::cli {
namespace {

/// Writes the fields of a struct, or reads them, in one description of each (see `fields`).
class Writing {
public:
    template <class T>
    void field(const char* name, const T& value) {
        object_[name] = json_of(value);
    }
    [[nodiscard]] Json take() { return std::move(object_); }

private:
    static Json json_of(const std::string& text) { return replace_invalid(text); }
    static Json json_of(bool value) { return value; }
    static Json json_of(int value) { return value; }
    static Json json_of(std::uint64_t value) { return value; }
    /// Milliseconds are what a drill can tell.
    static Json json_of(double value) { return static_cast<double>(std::llround(value * 1000)) / 1000; }
    static Json json_of(const std::optional<double>& value) { return value ? json_of(*value) : Json(nullptr); }
    template <class T>
    static Json json_of(const std::vector<T>& values);
    Json object_ = Json::object();
};

class Reading {
public:
    explicit Reading(const Json& object) : object_(object) {}
    template <class T>
    void field(const char* name, T& value) {
        const auto found = object_.find(name);
        if (found != object_.end()) take(*found, value);
    }

private:
    static void take(const Json& from, std::string& value) {
        if (from.is_string()) value = from.get<std::string>();
    }
    static void take(const Json& from, bool& value) {
        if (from.is_boolean()) value = from.get<bool>();
    }
    static void take(const Json& from, int& value) {
        if (from.is_number_integer()) value = from.get<int>();
    }
    static void take(const Json& from, std::uint64_t& value) {
        if (from.is_number_unsigned()) value = from.get<std::uint64_t>();
    }
    static void take(const Json& from, double& value) {
        if (from.is_number()) value = from.get<double>();
    }
    static void take(const Json& from, std::optional<double>& value) {
        if (from.is_number()) value = from.get<double>();
    }
    template <class T>
    static void take(const Json& from, std::vector<T>& values);
    const Json& object_;
};

template <class Io>
void fields(Io& io, std::conditional_t<std::is_same_v<Io, Writing>, const DrillProtector, DrillProtector>& one) {
    io.field("thumbprint", one.thumbprint);
    io.field("name", one.name);
    io.field("role", one.role);
    io.field("status", one.status);
    io.field("used", one.used);
    io.field("proven", one.proven);
    io.field("note", one.note);
    io.field("last_proven", one.last_proven);
}

template <class Io>
void fields(Io& io, std::conditional_t<std::is_same_v<Io, Writing>, const DrillObjective, DrillObjective>& one) {
    io.field("name", one.name);
    io.field("wanted_seconds", one.wanted_seconds);
    io.field("measured_seconds", one.measured_seconds);
    io.field("met", one.met);
}

template <class Io>
void fields(Io& io, std::conditional_t<std::is_same_v<Io, Writing>, const DrillCase, DrillCase>& one) {
    io.field("backup_id", one.backup);
    io.field("series", one.series);
    io.field("series_id", one.series_id);
    io.field("kind", one.kind);
    io.field("time", one.time);
    io.field("passed", one.passed);
    io.field("stage", one.stage);
    io.field("reason", one.reason);
    io.field("code", one.code);
    io.field("plan_seconds", one.plan_seconds);
    io.field("keys_seconds", one.keys_seconds);
    io.field("first_byte_seconds", one.first_byte_seconds);
    io.field("restore_seconds", one.restore_seconds);
    io.field("compare_seconds", one.compare_seconds);
    io.field("check_seconds", one.check_seconds);
    io.field("recovery_seconds", one.recovery_seconds);
    io.field("loss_seconds", one.loss_seconds);
    io.field("files", one.files);
    io.field("folders", one.folders);
    io.field("others", one.others);
    io.field("bytes", one.bytes);
    io.field("logs", one.logs);
    io.field("verified", one.verified);
    io.field("compared", one.compared);
    io.field("changed_since", one.changed);
    io.field("different", one.different);
    io.field("metadata_warnings", one.lost_metadata);
    io.field("check", one.check);
    io.field("opened_by", one.opened_by);
}

template <class Io>
void fields(Io& io, std::conditional_t<std::is_same_v<Io, Writing>, const DrillRecord, DrillRecord>& one) {
    io.field("result", one.result);
    io.field("reason", one.reason);
    io.field("exit_code", one.exit_code);
    io.field("started", one.started);
    io.field("ended", one.ended);
    io.field("host", one.host);
    io.field("user", one.user);
    io.field("program", one.program);
    io.field("repository", one.repository);
    io.field("location", one.location);
    io.field("select", one.select);
    io.field("sample", one.sample);
    io.field("at", one.at);
    io.field("compare", one.compare);
    io.field("without_keys", one.without_keys);
    io.field("without_places", one.without_places);
    io.field("keys", one.keys);
    io.field("check_program", one.check);
    io.field("check_digest", one.check_digest);
    io.field("recover_seconds", one.recover_seconds);
    io.field("cases", one.cases);
    io.field("protectors", one.protectors);
    io.field("objectives", one.objectives);
    io.field("cleaned", one.cleaned);
    io.field("left", one.left);
}

template <class T>
Json Writing::json_of(const std::vector<T>& values) {
    Json array = Json::array();
    for (const T& value : values) {
        if constexpr (std::is_same_v<T, std::string>) {
            array.push_back(json_of(value));
        } else {
            Writing io;
            fields(io, value);
            array.push_back(io.take());
        }
    }
    return array;
}

template <class T>
void Reading::take(const Json& from, std::vector<T>& values) {
    if (!from.is_array()) return;
    for (const Json& one : from) {
        T value;
        if constexpr (std::is_same_v<T, std::string>) {
            take(one, value);
        } else if (one.is_object()) {
            Reading io(one);
            fields(io, value);
        }
        values.push_back(std::move(value));
    }
}

}  // namespace

std::string DrillRecord::encode() const {
    Writing io;
    fields(io, *this);
    return to_line(io.take());
}

DrillRecord DrillRecord::decode(const std::string& text) {
    DrillRecord record;
    const Json object = Json::parse(text, nullptr, false);
    if (!object.is_object()) return record;
    Reading io(object);
    fields(io, record);
    return record;
}

}  // namespace signet::cli
