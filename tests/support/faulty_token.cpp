// A PKCS#11 module for tests: passes everything on to another module, except what it is told to answer otherwise.
//
//   FAULTY_TOKEN_MODULE  the module behind
//   FAULTY_TOKEN         words: NAME=VALUE for C_OpenSession, C_Login, C_DecryptInit, C_Decrypt, C_CreateObject (the
//                        CK_RV to answer, not passed on; CONTEXT is for the login before an operation, PUBLIC for
//                        creating a public half), FLAGS=VALUE (added to the flags of every token), TOKEN=LABEL (only
//                        this one is faulty), and OAEP (SHA-256 is offered on top of the bare RSA operation). Values
//                        are hexadecimal.
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "core/crypto/oaep.h"

namespace {

using signet::crypto::remove_oaep;

CK_FUNCTION_LIST behind{};
CK_FUNCTION_LIST here{};
std::map<CK_SESSION_HANDLE, CK_SLOT_ID> slots;
bool removes_padding = false;

std::map<std::string, std::string> orders() {
    std::map<std::string, std::string> words;
    const char* text = std::getenv("FAULTY_TOKEN");
    std::istringstream stream(text != nullptr ? text : "");
    for (std::string word; stream >> word;) {
        const auto mark = std::min(word.find('='), word.size());
        words[word.substr(0, mark)] = word.substr(std::min(mark + 1, word.size()));
    }
    return words;
}

CK_ULONG number(const std::string& word) {
    return orders().contains(word) ? std::stoul(orders()[word], nullptr, 16) : 0;
}

bool is_faulty(CK_SLOT_ID slot) {
    const std::string wanted = orders()["TOKEN"];
    CK_TOKEN_INFO info{};
    if (wanted.empty() || behind.C_GetTokenInfo(slot, &info) != CKR_OK) return true;
    const std::string label(std::begin(info.label), std::end(info.label));
    return label.substr(0, label.find_last_not_of(' ') + 1) == wanted;
}

CK_RV told(const std::string& name, CK_SESSION_HANDLE session) {
    return is_faulty(slots[session]) ? number(name) : CKR_OK;
}

CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
    const CK_RV result = behind.C_GetTokenInfo(slot, info);
    if (result == CKR_OK && is_faulty(slot)) info->flags |= number("FLAGS");
    return result;
}

CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void* data, CK_NOTIFY notify, CK_SESSION_HANDLE* session) {
    if (is_faulty(slot) && number("C_OpenSession") != 0) return number("C_OpenSession");
    const CK_RV result = behind.C_OpenSession(slot, flags, data, notify, session);
    if (result == CKR_OK) slots[*session] = slot;
    return result;
}

CK_RV log_in(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char* pin, CK_ULONG size) {
    if (const CK_RV answer = told(user == CKU_CONTEXT_SPECIFIC ? "CONTEXT" : "C_Login", session)) return answer;
    return behind.C_Login(session, user, pin, size);
}

CK_RV create_object(CK_SESSION_HANDLE session, CK_ATTRIBUTE* attributes, CK_ULONG count, CK_OBJECT_HANDLE* object) {
    const bool is_public = std::any_of(attributes, attributes + count, [](const CK_ATTRIBUTE& one) {
        return one.type == CKA_CLASS && *static_cast<const CK_OBJECT_CLASS*>(one.pValue) == CKO_PUBLIC_KEY;
    });
    if (const CK_RV answer = told(is_public ? "PUBLIC" : "C_CreateObject", session)) return answer;
    return behind.C_CreateObject(session, attributes, count, object);
}

bool is_oaep_sha256(const CK_MECHANISM& mechanism) {
    if (mechanism.mechanism != CKM_RSA_PKCS_OAEP || mechanism.ulParameterLen != sizeof(CK_RSA_PKCS_OAEP_PARAMS))
        return false;
    const auto& oaep = *static_cast<const CK_RSA_PKCS_OAEP_PARAMS*>(mechanism.pParameter);
    return oaep.hashAlg == CKM_SHA256 && oaep.mgf == CKG_MGF1_SHA256 && oaep.source == CKZ_DATA_SPECIFIED &&
           oaep.ulSourceDataLen == 0;
}

CK_RV decrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
    if (const CK_RV answer = told("C_DecryptInit", session)) return answer;
    if (!orders().contains("OAEP")) return behind.C_DecryptInit(session, mechanism, key);
    removes_padding = is_oaep_sha256(*mechanism);
    if (!removes_padding) return CKR_MECHANISM_INVALID;
    CK_MECHANISM bare{CKM_RSA_X_509, nullptr, 0};
    return behind.C_DecryptInit(session, &bare, key);
}

CK_RV decrypt(CK_SESSION_HANDLE session, unsigned char* input, CK_ULONG input_size, unsigned char* output,
              CK_ULONG* size) {
    if (const CK_RV answer = told("C_Decrypt", session)) return answer;
    const CK_RV result = behind.C_Decrypt(session, input, input_size, output, size);
    if (!removes_padding || result != CKR_OK) return result;
    const auto message = remove_oaep({output, *size}, input_size);
    if (!message) return CKR_ENCRYPTED_DATA_INVALID;
    std::copy(message->reveal().begin(), message->reveal().end(), output);
    *size = message->size();
    return CKR_OK;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
    void* module = dlopen(std::getenv("FAULTY_TOKEN_MODULE"), RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) return CKR_GENERAL_ERROR;
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"));
    CK_FUNCTION_LIST* original = nullptr;
    if (get == nullptr || get(&original) != CKR_OK) return CKR_GENERAL_ERROR;
    behind = *original;
    here = behind;
    here.C_GetTokenInfo = get_token_info;
    here.C_OpenSession = open_session;
    here.C_Login = log_in;
    here.C_CreateObject = create_object;
    here.C_DecryptInit = decrypt_init;
    here.C_Decrypt = decrypt;
    *list = &here;
    return CKR_OK;
}
