package secret

import "slices"

// published are secrets that examples, manuals and other products' defaults have shown, as text or decoded. Whoever starts a
// server with one of them shares its key with everybody (Superset CVE-2023-27524, Redash CVE-2021-41192).
var published = []string{
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", // test vectors of AES and HKDF
	"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f",
	"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20",
	"\x60\x3d\xeb\x10\x15\xca\x71\xbe\x2b\x73\xae\xf0\x85\x7d\x77\x81\x1f\x35\x2c\x07\x3b\x61\x08\xd7\x2d\x98\x10\xa3\x09\x14\xdf\xf4", // NIST SP 800-38A
	"0123456789abcdef0123456789abcdef",
	"0123456789ABCDEF0123456789ABCDEF",
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	"01234567890123456789012345678901",
	"12345678901234567890123456789012",
	"abcdefghijklmnopqrstuvwxyz012345",
	"abcdefghijklmnopqrstuvwxyz123456",
	"passphrasewhichneedstobe32bytes!",
	"the-key-has-to-be-32-bytes-long!",
	"thisis32bitlongpassphraseimusing",
	"this-is-a-32-byte-secret-key-123",
	"my-32-character-ultra-secure-and-ultra-long-secret",
	"AES256Key-32Characters1234567890",
	"2r5u8x/A?D(G+KbPeShVmYq3t6v9y$B&",
	"CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET",         // Apache Superset
	"YOUR_OWN_RANDOM_GENERATED_SECRET_KEY",         // Apache Superset
	"thisISaSECRET_1234",                           // Apache Superset
	"TEST_NON_DEV_SECRET",                          // Apache Superset
	"\x02\x01thisismyscretkey\x01\x02\\e\\y\\y\\h", // Apache Superset
	"c292a0a3aa32397cdb050e233733900f",             // Redash
	"SW2YcwTIb9zpOOhoPsMm",                         // Grafana
	"changeme", "change-me", "secret", "password",
}

// known says whether s was published as an example.
func known(s string) bool { return s != "" && slices.Contains(published, s) }
