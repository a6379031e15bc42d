package server

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"connectrpc.com/connect"
	"connectrpc.com/vanguard"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// jsonOut writes zero values too, so that a condition in a deployer's
// template always finds its field. What was not measured (an absent optional
// number) stays absent.
var jsonOut = protojson.MarshalOptions{EmitDefaultValues: true}

// jsonIn refuses unknown fields. The libraries' default drops them, and a
// misspelt "critical" would change a verdict without a word.
var jsonIn = protojson.UnmarshalOptions{}

// maxMessages bounds the messages within one request. An empty one takes two
// bytes on the wire and hundreds in memory, so 64 MiB of them would take
// gigabytes before any rule of the schema is looked at. The largest request
// that the schema allows, 10,000 signals with margins and histories, has
// some 70,000.
const maxMessages = 100_000

func tooManyMessages() error {
	return fmt.Errorf("the request has more than %d objects in it", maxMessages)
}

// protoCodec is Connect's binary codec with a bound.
type protoCodec struct{}

func (protoCodec) Name() string { return "proto" }

func (c protoCodec) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

func (protoCodec) MarshalAppend(dst []byte, message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no protobuf message", message)
	}
	return proto.MarshalOptions{}.MarshalAppend(dst, m)
}

func (protoCodec) Unmarshal(data []byte, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no protobuf message", message)
	}
	if left := maxMessages; len(data) > maxMessages && !countMessages(data, m.ProtoReflect().Descriptor(), &left) {
		return tooManyMessages()
	}
	return readable(proto.Unmarshal(data, m))
}

// countMessages takes the messages within data off left; false if there are
// more. What is malformed is left to the decoder.
func countMessages(data []byte, d protoreflect.MessageDescriptor, left *int) bool {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return true
		}
		data = data[n:]
		if field := d.Fields().ByNumber(number); kind == protowire.BytesType && field != nil && field.Message() != nil {
			value, n := protowire.ConsumeBytes(data)
			if *left--; n < 0 || *left < 0 || !countMessages(value, field.Message(), left) {
				return n < 0
			}
			data = data[n:]
			continue
		}
		if n = protowire.ConsumeFieldValue(number, kind, data); n < 0 {
			return true
		}
		data = data[n:]
	}
	return true
}

// countObjects is countMessages for JSON.
func countObjects(text []byte) bool {
	objects, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			quoted = !quoted
		case '\\':
			i++ // only strings have any
		case '{':
			if quoted {
				continue
			}
			if objects++; objects > maxMessages {
				return false
			}
		}
	}
	return true
}

// decodeJSON reads text into m.
func decodeJSON(text []byte, m proto.Message, o protojson.UnmarshalOptions) error {
	if len(text) > maxMessages && !countObjects(text) {
		return tooManyMessages()
	}
	return readable(o.Unmarshal(text, m))
}

// jsonCodec is Connect's JSON codec with our two options and the bound.
type jsonCodec struct{ name string }

func (c jsonCodec) Name() string { return c.name }

func (c jsonCodec) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

func (jsonCodec) MarshalAppend(dst []byte, message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no protobuf message", message)
	}
	return jsonOut.MarshalAppend(dst, m)
}

func (jsonCodec) Unmarshal(text []byte, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no protobuf message", message)
	}
	if len(text) == 0 {
		return errors.New("the body is empty, but a JSON object is needed, at least {}")
	}
	return decodeJSON(text, m, jsonIn)
}

// readable takes the "proto:" and the no-break space off a decoder's error.
func readable(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimLeft(strings.TrimPrefix(err.Error(), "proto:"), " \u00a0"))
}

// codecs replace Connect's. It knows JSON by two names: replacing only the
// first would leave requests with a charset lenient.
func codecs() connect.HandlerOption {
	return connect.WithHandlerOptions(
		connect.WithCodec(protoCodec{}),
		connect.WithCodec(jsonCodec{"json"}),
		connect.WithCodec(jsonCodec{"json; charset=utf-8"}),
	)
}

// restCodec is the transcoder's JSON codec with the same options.
type restCodec struct{ vanguard.JSONCodec }

func newRESTCodec(types vanguard.TypeResolver) vanguard.Codec {
	c := restCodec{vanguard.JSONCodec{MarshalOptions: jsonOut, UnmarshalOptions: jsonIn}}
	c.MarshalOptions.Resolver, c.UnmarshalOptions.Resolver = types, types
	return c
}

func (c restCodec) Unmarshal(text []byte, message proto.Message) error {
	if err := decodeJSON(text, message, c.UnmarshalOptions); err != nil {
		return connect.NewError(connect.CodeInvalidArgument, err)
	}
	return nil
}

// boundedGzip decompresses up to a number of bytes. The transcoder inflates
// without a bound, and Connect inflates the rest of a message that is too
// large to tell its size: a thousandfold of the bytes that were sent.
type boundedGzip struct {
	gzip.Reader
	limit, left int64
}

func newBoundedGzip(limit int) func() connect.Decompressor {
	return func() connect.Decompressor { return &boundedGzip{limit: int64(limit)} }
}

// newGzip compresses fast: the network is rarely the bottleneck.
func newGzip() connect.Compressor {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic("server: gzip has no level BestSpeed")
	}
	return w
}

func (g *boundedGzip) Reset(r io.Reader) error {
	g.left = g.limit
	return g.Reader.Reset(r)
}

func (g *boundedGzip) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	if g.left -= int64(n); g.left < 0 {
		return 0, tooLarge(g.limit)
	}
	return n, err
}
