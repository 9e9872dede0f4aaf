/* The token's own cost: one login and N signatures in this process, with nothing around them.
 * token MODULE LABEL PIN N */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <p11-kit/pkcs11.h>

#define OK(call) do { CK_RV rv = (call); if (rv != CKR_OK) { \
    fprintf(stderr, "%s: 0x%lx\n", #call, rv); return 1; } } while (0)

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    void *module = dlopen(argv[1], RTLD_NOW);
    CK_C_GetFunctionList get = module ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
    CK_FUNCTION_LIST *p11;
    if (!get)
        return 3;
    OK(get(&p11));
    OK(p11->C_Initialize(NULL));
    CK_SLOT_ID slots[64];
    CK_ULONG count = 64;
    OK(p11->C_GetSlotList(CK_TRUE, slots, &count));
    CK_SESSION_HANDLE session = 0;
    for (CK_ULONG at = 0; at < count && !session; at++) {
        CK_TOKEN_INFO info;
        OK(p11->C_GetTokenInfo(slots[at], &info));
        if (!memcmp(info.label, argv[2], strlen(argv[2])))
            OK(p11->C_OpenSession(slots[at], CKF_SERIAL_SESSION, NULL, NULL, &session));
    }
    OK(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)argv[3], strlen(argv[3])));
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE like = { CKA_CLASS, &class, sizeof class };
    CK_OBJECT_HANDLE key;
    OK(p11->C_FindObjectsInit(session, &like, 1));
    OK(p11->C_FindObjects(session, &key, 1, &count));
    OK(p11->C_FindObjectsFinal(session));
    /* A DigestInfo of SHA-256. */
    CK_BYTE info[51] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
        0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    for (int left = atoi(argv[4]); left > 0; left--) {
        CK_BYTE signature[1024];
        CK_ULONG length = sizeof signature;
        info[50] = left;
        OK(p11->C_SignInit(session, &mechanism, key));
        OK(p11->C_Sign(session, info, sizeof info, signature, &length));
    }
    OK(p11->C_Finalize(NULL));
    return 0;
}
