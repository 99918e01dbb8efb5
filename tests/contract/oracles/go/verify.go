// Says of each delivery on standard input by which of its two keys it verifies: v1 by the reference library, which knows
// no other algorithm; v1a by the standard library's Ed25519, with the key as the API publishes it (JWK).
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

type delivery struct {
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Secret  string            `json:"secret"`
	Jwk     map[string]string `json:"jwk"`
}

type verdict struct {
	V1  bool `json:"v1"`
	V1a bool `json:"v1a"`
}

func byReference(each delivery) bool {
	headers := http.Header{}
	for name, value := range each.Headers {
		headers.Set(name, value)
	}
	webhook, err := standardwebhooks.NewWebhook(each.Secret)
	return err == nil && webhook.Verify([]byte(each.Body), headers) == nil
}

func byPlatform(each delivery) bool {
	key, err := base64.RawURLEncoding.DecodeString(each.Jwk["x"])
	if err != nil || len(key) != ed25519.PublicKeySize {
		return false
	}
	signed := []byte(each.Headers["webhook-id"] + "." + each.Headers["webhook-timestamp"] + "." + each.Body)
	for _, token := range strings.Split(each.Headers["webhook-signature"], " ") {
		encoded, found := strings.CutPrefix(token, "v1a,")
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if found && err == nil && ed25519.Verify(key, signed, signature) {
			return true
		}
	}
	return false
}

func main() {
	var deliveries []delivery
	if err := json.NewDecoder(os.Stdin).Decode(&deliveries); err != nil {
		panic(err)
	}
	verdicts := make([]verdict, len(deliveries))
	for index, each := range deliveries {
		verdicts[index] = verdict{byReference(each), byPlatform(each)}
	}
	if err := json.NewEncoder(os.Stdout).Encode(verdicts); err != nil {
		panic(err)
	}
}
