package cloudwatch

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// keys are the credentials of one request. The token is that of a session,
// empty for the keys of a user.
type keys struct{ id, secret, token string }

// sign puts the signature into the request's headers: Signature Version 4 over
// method, path, query, host, content type, all x-amz headers and the body.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func sign(req *http.Request, body []byte, k keys, region, service string, now time.Time) {
	const algorithm = "AWS4-HMAC-SHA256"
	at := now.UTC().Format("20060102T150405Z")
	day := at[:8]
	req.Header.Set("X-Amz-Date", at)
	req.Header.Del("X-Amz-Security-Token")
	if k.token != "" {
		req.Header.Set("X-Amz-Security-Token", k.token)
	}

	headers := map[string]string{"host": req.URL.Host}
	for name, values := range req.Header {
		name = strings.ToLower(name)
		if name == "content-type" || strings.HasPrefix(name, "x-amz-") {
			headers[name] = strings.Join(strings.Fields(strings.Join(values, ",")), " ")
		}
	}
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	signed := strings.Join(names, ";")

	var canonical strings.Builder
	path := req.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	// Values.Encode sorts by name; a space is %20 here.
	query := strings.ReplaceAll(req.URL.Query().Encode(), "+", "%20")
	canonical.WriteString(req.Method + "\n" + escapeTwice(path) + "\n" + query + "\n")
	for _, name := range names {
		canonical.WriteString(name + ":" + headers[name] + "\n")
	}
	canonical.WriteString("\n" + signed + "\n" + hexSum(body))

	scope := day + "/" + region + "/" + service + "/aws4_request"
	text := algorithm + "\n" + at + "\n" + scope + "\n" + hexSum([]byte(canonical.String()))
	key := []byte("AWS4" + k.secret)
	for _, part := range []string{day, region, service, "aws4_request"} {
		key = mac(key, part)
	}
	req.Header.Set("Authorization", algorithm+" Credential="+k.id+"/"+scope+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(mac(key, text)))
}

// escapeTwice escapes a path that is already escaped, as every service but S3
// wants it.
func escapeTwice(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(part), "+", "%20")
	}
	return strings.Join(parts, "/")
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
