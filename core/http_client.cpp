#include "core/http_client.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <netdb.h>

#include <algorithm>
#include <cctype>
#include <new>

namespace signet {
namespace {

constexpr std::size_t kMaxHeaders = std::size_t{64} * 1024;

ErrorCode code_of(HttpFailure failure) {
    if (failure == HttpFailure::url) return ErrorCode::usage;
    return failure == HttpFailure::interrupted ? ErrorCode::interrupted : ErrorCode::io;
}

std::string hint_of(HttpFailure failure) {
    switch (failure) {
        case HttpFailure::url:
            return "URLs begin with https:// or http://";
        case HttpFailure::identity:
            return "see that the client certificate and its key are PEM files that belong together";
        case HttpFailure::proxy:
            return "see https_proxy and no_proxy, and what the proxy allows";
        case HttpFailure::tls:
            return "its certificate must be of an authority that this system trusts, or that a CA file names";
        default:
            return {};
    }
}

HttpFailure failure_of(CURLcode code) {
    switch (code) {
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL:
            return HttpFailure::url;
        case CURLE_COULDNT_RESOLVE_HOST:
            return HttpFailure::name;
        case CURLE_COULDNT_RESOLVE_PROXY:
            return HttpFailure::resolver;
        case CURLE_OPERATION_TIMEDOUT:
            return HttpFailure::timeout;
        case CURLE_SSL_CONNECT_ERROR:
            return HttpFailure::handshake;
        case CURLE_SSL_CERTPROBLEM:
            return HttpFailure::identity;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        case CURLE_SSL_INVALIDCERTSTATUS:
            return HttpFailure::tls;
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_BAD_CONTENT_ENCODING:
            return HttpFailure::protocol;
        default:
            return HttpFailure::connect;
    }
}

/// libcurl, loaded when a client is first made: with all that it brings along it would triple the time in which every
/// command starts, and hardly any needs it. It is never unloaded.
struct Library {
    decltype(&::curl_global_init) global_init = nullptr;
    decltype(&::curl_easy_init) easy_init = nullptr;
    decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
    decltype(&::curl_easy_reset) easy_reset = nullptr;
    decltype(&::curl_easy_setopt) easy_setopt = nullptr;
    decltype(&::curl_easy_perform) easy_perform = nullptr;
    decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
    decltype(&::curl_easy_strerror) easy_strerror = nullptr;
    decltype(&::curl_slist_append) slist_append = nullptr;
    decltype(&::curl_slist_free_all) slist_free_all = nullptr;

    /// throws  Error{failed}: it is not installed, or is another libcurl than this was made for
    static const Library& get() {
        static const Library library;
        return library;
    }

private:
    Library() {
        void* handle = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
        if (handle == nullptr) fail();
        find(handle, "curl_global_init", global_init);
        find(handle, "curl_easy_init", easy_init);
        find(handle, "curl_easy_cleanup", easy_cleanup);
        find(handle, "curl_easy_reset", easy_reset);
        find(handle, "curl_easy_setopt", easy_setopt);
        find(handle, "curl_easy_perform", easy_perform);
        find(handle, "curl_easy_getinfo", easy_getinfo);
        find(handle, "curl_easy_strerror", easy_strerror);
        find(handle, "curl_slist_append", slist_append);
        find(handle, "curl_slist_free_all", slist_free_all);
        global_init(CURL_GLOBAL_DEFAULT);
    }
    template <class Function>
    static void find(void* handle, const char* name, Function& function) {
        function = reinterpret_cast<Function>(::dlsym(handle, name));
        if (function == nullptr) fail();
    }
    [[noreturn]] static void fail() {
        const char* why = ::dlerror();
        throw Error(ErrorCode::failed, std::string("libcurl cannot be loaded: ") + (why == nullptr ? "" : why),
                    "apt-get install libcurl4");
    }
};

struct FreeHandle {
    void operator()(CURL* handle) const { Library::get().easy_cleanup(handle); }
};
struct FreeList {
    void operator()(curl_slist* list) const { Library::get().slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

/// What comes back, gathered while libcurl calls. Exceptions do not pass through it: each callback says how it went.
struct Gathered {
    Bytes body;
    std::map<std::string, std::string> headers;
    std::size_t header_octets = 0;
    std::size_t max_body = 0;
    bool too_large = false;
    const std::function<bool()>* cancelled = nullptr;

    Gathered() = default;
    Gathered(const Gathered&) = delete;
    Gathered& operator=(const Gathered&) = delete;
    ~Gathered() { wipe(body); }
};

std::size_t take_body(char* data, std::size_t one, std::size_t count, void* to) noexcept {
    auto& gathered = *static_cast<Gathered*>(to);
    const std::size_t size = one * count;
    gathered.too_large = gathered.too_large || size > gathered.max_body - gathered.body.size();
    if (gathered.too_large) return 0;
    // Room for all of it was made before: what may be a secret is not copied about.
    gathered.body.insert(gathered.body.end(), data, data + size);
    return size;
}

std::size_t take_header(char* data, std::size_t one, std::size_t count, void* to) noexcept {
    auto& gathered = *static_cast<Gathered*>(to);
    const std::size_t size = one * count;
    gathered.header_octets += size;
    gathered.too_large = gathered.too_large || gathered.header_octets > kMaxHeaders;
    if (gathered.too_large) return 0;
    try {
        std::string_view line(data, size);
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) return size;
        std::string name(line.substr(0, colon));
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        line.remove_prefix(colon + 1);
        const auto from = line.find_first_not_of(" \t");
        const auto to_end = line.find_last_not_of(" \t\r\n");
        gathered.headers[name] =
            from == std::string_view::npos ? "" : std::string(line.substr(from, to_end + 1 - from));
        return size;
    } catch (const std::exception&) {
        return 0;
    }
}

int take_progress(void* from, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    const auto& gathered = *static_cast<Gathered*>(from);
    return gathered.cancelled != nullptr && *gathered.cancelled && (*gathered.cancelled)() ? 1 : 0;
}

HeaderList list_of(const std::vector<std::string>& headers) {
    // libcurl would wait for a "100 Continue" before longer bodies.
    HeaderList list(Library::get().slist_append(nullptr, "Expect:"));
    for (const std::string& header : headers) {
        if (list == nullptr || Library::get().slist_append(list.get(), header.c_str()) == nullptr)
            throw std::bad_alloc();
    }
    return list;
}

template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
    if (Library::get().easy_setopt(handle, option, value) != CURLE_OK) {
        throw Error(ErrorCode::failed, "libcurl does not know option " + std::to_string(option));
    }
}

/// The name or address in an origin, without port and brackets.
std::string host_of(std::string_view origin) {
    std::string_view host = origin.substr(origin.find("://") + 3);
    if (host.starts_with('[')) return std::string(host.substr(1, host.find(']') - 1));
    return std::string(host.substr(0, host.rfind(':')));
}

/// libcurl has one word for every way in which a name is not found.
HttpFailure look_up(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int result = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (result == 0) ::freeaddrinfo(found);
    return failure_of_lookup(result);
}

}  // namespace

HttpFailure failure_of_lookup(int result) {
    constexpr int kNoData = -5;  // EAI_NODATA, which the header shows to GNU programs alone
    return result == EAI_NONAME || result == kNoData ? HttpFailure::name : HttpFailure::resolver;
}

std::string_view text(HttpMethod method) {
    switch (method) {
        case HttpMethod::get:
            return "GET";
        case HttpMethod::post:
            return "POST";
        case HttpMethod::put:
            return "PUT";
        case HttpMethod::patch:
            return "PATCH";
        case HttpMethod::del:
            return "DELETE";
    }
    invariant(false, "a method of HTTP has a name");
    return {};
}

std::string_view text(HttpFailure failure) {
    switch (failure) {
        case HttpFailure::url:
            return "url";
        case HttpFailure::name:
            return "name";
        case HttpFailure::resolver:
            return "resolver";
        case HttpFailure::connect:
            return "connect";
        case HttpFailure::handshake:
            return "handshake";
        case HttpFailure::tls:
            return "tls";
        case HttpFailure::identity:
            return "identity";
        case HttpFailure::proxy:
            return "proxy";
        case HttpFailure::timeout:
            return "timeout";
        case HttpFailure::too_large:
            return "too-large";
        case HttpFailure::protocol:
            return "protocol";
        case HttpFailure::interrupted:
            return "interrupted";
    }
    invariant(false, "a failure of HTTP has a name");
    return {};
}

HttpError::HttpError(HttpFailure failure, const std::string& host, const std::string& why)
    : Error(code_of(failure), host + ": " + why, hint_of(failure)), failure_(failure) {}

std::string url_origin(std::string_view url) {
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (url.substr(0, scheme.size()) != scheme) continue;
        std::string_view host = url.substr(scheme.size());
        host = host.substr(0, host.find_first_of("/?#"));
        if (const auto at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
        return host.empty() ? std::string() : std::string(scheme) + std::string(host);
    }
    return {};
}

struct HttpClient::State {
    HttpSettings settings;
    std::unique_ptr<CURL, FreeHandle> handle;
    HeaderList connect_to;

    /// What holds for every request. Options are set anew each time: a handle keeps connections, not settings.
    void prepare() const {
        CURL* curl = handle.get();
        Library::get().easy_reset(curl);
        set(curl, CURLOPT_NOSIGNAL, 1L);
        set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        set(curl, CURLOPT_FOLLOWLOCATION, 0L);
        set(curl, CURLOPT_SSL_VERIFYPEER, 1L);
        set(curl, CURLOPT_SSL_VERIFYHOST, 2L);
        set(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
        if (!settings.ca_file.empty()) {
            set(curl, CURLOPT_CAINFO, settings.ca_file.c_str());
            set(curl, CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // or it would count as well
        }
        set(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.connect_timeout.count()));
        set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(settings.timeout.count()));
        set(curl, CURLOPT_USERAGENT, "signet");
        if (!settings.client_certificate.empty()) {
            const std::string& key = settings.client_key.empty() ? settings.client_certificate : settings.client_key;
            set(curl, CURLOPT_SSLCERT, settings.client_certificate.c_str());
            set(curl, CURLOPT_SSLKEY, key.c_str());
        }
        if (connect_to) set(curl, CURLOPT_CONNECT_TO, connect_to.get());
        if (!settings.proxies) set(curl, CURLOPT_PROXY, "");
    }

    void ask(const HttpRequest& request, Gathered& gathered) const {
        CURL* curl = handle.get();
        gathered.max_body = settings.max_body;
        gathered.body.reserve(settings.max_body);
        gathered.cancelled = &settings.cancelled;
        set(curl, CURLOPT_URL, request.url.c_str());
        set(curl, CURLOPT_WRITEFUNCTION, take_body);
        set(curl, CURLOPT_WRITEDATA, &gathered);
        set(curl, CURLOPT_HEADERFUNCTION, take_header);
        set(curl, CURLOPT_HEADERDATA, &gathered);
        set(curl, CURLOPT_XFERINFOFUNCTION, take_progress);
        set(curl, CURLOPT_XFERINFODATA, &gathered);
        set(curl, CURLOPT_NOPROGRESS, 0L);
        if (request.method == HttpMethod::get) return;
        const char* method = text(request.method).data();
        if (request.method == HttpMethod::del && request.body.empty()) {
            set(curl, CURLOPT_CUSTOMREQUEST, method);
            return;
        }
        set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        // Without a pointer libcurl would read standard input.
        set(curl, CURLOPT_POSTFIELDS, request.body.empty() ? "" : reinterpret_cast<const char*>(request.body.data()));
        set(curl, CURLOPT_POST, 1L);
        if (request.method != HttpMethod::post) set(curl, CURLOPT_CUSTOMREQUEST, method);
    }
};

HttpClient::HttpClient(HttpSettings settings) : state_(std::make_unique<State>()) {
    state_->settings = std::move(settings);
    for (const std::string& way : state_->settings.connect_to) {
        curl_slist* longer = Library::get().slist_append(state_->connect_to.get(), way.c_str());
        if (longer == nullptr) throw std::bad_alloc();
        static_cast<void>(state_->connect_to.release());
        state_->connect_to.reset(longer);
    }
    state_->handle.reset(Library::get().easy_init());
    if (!state_->handle) throw Error(ErrorCode::failed, "cannot use libcurl");
}

HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

HttpResponse HttpClient::send(const HttpRequest& request) {
    const std::string origin = url_origin(request.url);
    if (origin.empty()) throw HttpError(HttpFailure::url, "a URL", "not one of http or https");
    CURL* curl = state_->handle.get();
    state_->prepare();
    Gathered gathered;
    state_->ask(request, gathered);
    const HeaderList headers = list_of(request.headers);
    set(curl, CURLOPT_HTTPHEADER, headers.get());

    const CURLcode code = Library::get().easy_perform(curl);
    if (gathered.too_large) throw HttpError(HttpFailure::too_large, origin, "the answer is longer than is allowed");
    if (code == CURLE_ABORTED_BY_CALLBACK) throw HttpError(HttpFailure::interrupted, origin, "interrupted");
    if (code != CURLE_OK) {
        long tunnel = 0;
        Library::get().easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &tunnel);
        if (tunnel >= 400) {
            // What is wrong with the proxy itself is no decision of its.
            throw HttpError(tunnel >= 500 ? HttpFailure::connect : HttpFailure::proxy, origin,
                            "the proxy answers " + std::to_string(tunnel));
        }
        HttpFailure failure = failure_of(code);
        if (failure == HttpFailure::name) failure = look_up(host_of(origin));
        throw HttpError(failure, origin, Library::get().easy_strerror(code));
    }
    HttpResponse response;
    Library::get().easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response.status);
    response.headers = std::move(gathered.headers);
    response.body = SecretBytes(ByteView(gathered.body));
    return response;
}

}  // namespace signet
