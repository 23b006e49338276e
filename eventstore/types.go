package eventstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/studycall/studycall/domain"
)

// types is the registry of all events that were ever stored.
type types struct {
	byName map[string]*eventType
	byGo   map[reflect.Type]*eventType
}

func newTypes() *types {
	return &types{byName: map[string]*eventType{}, byGo: map[reflect.Type]*eventType{}}
}

// eventType connects an event of the domain with its stored form.
type eventType struct {
	name      string
	schema    int16 // the version of the data's shape that is written now
	upcasters []upcaster
	encode    func(domain.Event) any
	decode    func(fact domain.Fact, data []byte, text textOf) (domain.Event, error)
}

// upcaster converts the stored data of one event type from a schema version to the next.
type upcaster func(data []byte) ([]byte, error)

// textOf makes a string of bytes. A reader of many events passes one that returns equal strings only once.
type textOf func([]byte) string

// register adds the event E with its stored name, the schema version of its data D as it is written now, and the conversions
// between E and D. The name is stored with each event and must never change. There is one upcaster for each older schema
// version, beginning with version 1. A mistake panics, at the start of the program.
func register[E domain.Event, D any](
	t *types, name string, schema int16, toData func(E) D, toEvent func(domain.Fact, D) E, upcasters ...upcaster,
) {
	goType := reflect.TypeFor[E]()
	if t.byName[name] != nil || t.byGo[goType] != nil {
		panic(fmt.Sprintf("event %s, %s is registered twice", name, goType))
	}
	if len(upcasters) != int(schema)-1 {
		panic(fmt.Sprintf("event %s has schema %d and %d upcasters", name, schema, len(upcasters)))
	}
	fields := dataFields(reflect.TypeFor[D]())
	registered := &eventType{
		name: name, schema: schema, upcasters: upcasters,
		encode: func(event domain.Event) any { return toData(event.(E)) }, //nolint:forcetypeassert // found by its type
		decode: func(fact domain.Fact, data []byte, text textOf) (domain.Event, error) {
			decoded, err := decodeData[D](data, fields, text)
			if err != nil {
				return nil, err
			}
			return toEvent(fact, decoded), nil
		},
	}
	t.byName[name], t.byGo[goType] = registered, registered
}

// stored is an event in the form in which it is appended.
type stored struct {
	session  string
	name     string
	schema   int16
	data     string
	occurred time.Time
}

// encode converts an event to its stored form.
func (t *types) encode(event domain.Event) (stored, error) {
	known, ok := t.byGo[reflect.TypeOf(event)]
	if !ok {
		return stored{}, fmt.Errorf("event type %T has no stored name", event)
	}
	data, err := json.Marshal(known.encode(event))
	if err != nil {
		return stored{}, fmt.Errorf("encode %s: %w", known.name, err)
	}
	return stored{event.Session(), known.name, known.schema, string(data), event.OccurredAt()}, nil
}

// typeFilter selects the events of one type and of unknown types. The zero value selects all events.
type typeFilter struct {
	only    string   // the stored name of the type; empty: all types
	skipped []string // the names of the other known types
}

// filter returns the filter for the type of only, or for all types if only is nil.
func (t *types) filter(only domain.Event) (typeFilter, error) {
	if only == nil {
		return typeFilter{}, nil
	}
	selected, ok := t.byGo[reflect.TypeOf(only)]
	if !ok {
		return typeFilter{}, fmt.Errorf("event type %T has no stored name", only)
	}
	f := typeFilter{only: selected.name}
	for name := range t.byName {
		if name != f.only {
			f.skipped = append(f.skipped, name)
		}
	}
	return f, nil
}

// skips reports whether events of the type are not selected.
func (f typeFilter) skips(name string) bool { return slices.Contains(f.skipped, name) }

// apply removes the events that are not selected. It changes the slice.
func (f typeFilter) apply(events []Recorded) []Recorded {
	return slices.DeleteFunc(events, func(r Recorded) bool { return f.skips(r.Type) })
}

// UnknownEventError means that this program cannot decode an event, for example because a newer program wrote it.
type UnknownEventError struct {
	Position int64
	Type     string
	Schema   int16
	Reason   error
}

// Error implements error.
func (e *UnknownEventError) Error() string {
	return fmt.Sprintf("event %d of type %s, schema %d cannot be decoded: %v", e.Position, e.Type, e.Schema, e.Reason)
}

// Unwrap returns the reason.
func (e *UnknownEventError) Unwrap() error { return e.Reason }

// decode converts stored data of any schema version to an event.
func (t *types) decode(name []byte, schema int16, fact domain.Fact, data []byte, text textOf) (domain.Event, error) {
	known, data, err := t.current(name, schema, data)
	if err != nil {
		return nil, err
	}
	return known.decode(fact, data, text)
}

// current returns a type and its stored data, upcast to the schema that is written now.
func (t *types) current(name []byte, schema int16, data []byte) (*eventType, []byte, error) {
	known, ok := t.byName[string(name)]
	switch {
	case !ok:
		return nil, nil, errors.New("no such type is known")
	case schema > known.schema:
		return nil, nil, fmt.Errorf("the newest known schema is %d", known.schema)
	case schema < 1:
		return nil, nil, fmt.Errorf("there is no schema %d", schema)
	}
	for ; schema < known.schema; schema++ {
		newer, err := known.upcasters[schema-1](data)
		if err != nil {
			return nil, nil, fmt.Errorf("upcast from schema %d: %w", schema, err)
		}
		data = newer
	}
	return known, data, nil
}

// dataField is a field of an event's data that parseFlat can set.
type dataField struct {
	key    string
	index  int
	unique bool // making equal strings once would find none
}

// dataFields returns the fields of the data's shape, by their tags, or none if a field is not a string.
func dataFields(shape reflect.Type) []dataField {
	var fields []dataField
	for i := range shape.NumField() {
		field := shape.Field(i)
		if field.Type.Kind() != reflect.String {
			return nil
		}
		fields = append(fields, dataField{field.Tag.Get("json"), i, field.Tag.Get("unique") != ""})
	}
	return fields
}

// decodeData decodes stored data of the shape D. parseFlat is tried first.
func decodeData[D any](raw []byte, fields []dataField, text textOf) (D, error) {
	var data D
	if parseFlat(raw, reflect.ValueOf(&data).Elem(), fields, text) {
		return data, nil
	}
	data = *new(D) // parseFlat may have set some fields
	if err := json.Unmarshal(raw, &data); err != nil {
		return data, fmt.Errorf("data: %w", err)
	}
	return data, nil
}

// parseFlat parses a JSON object in which every key is a field's and every value is a string without an escape, and reports
// whether the data was such an object. Nearly all stored data is. A rebuild decodes millions of events, and parseFlat is
// several times as fast as encoding/json.
func parseFlat(data []byte, into reflect.Value, fields []dataField, text textOf) bool {
	before := byte('{')
	for {
		if len(data) == 0 || data[0] != before {
			return false
		}
		key, rest, ok := plainString(data[1:])
		if !ok || len(rest) == 0 || rest[0] != ':' {
			return false
		}
		value, rest, ok := plainString(rest[1:])
		if !ok || !set(into, fields, key, value, text) {
			return false
		}
		if len(rest) == 1 && rest[0] == '}' {
			return true
		}
		data, before = rest, ','
	}
}

// set sets the field of the key and reports whether there is one.
func set(into reflect.Value, fields []dataField, key, value []byte, text textOf) bool {
	for _, f := range fields {
		if f.key == string(key) {
			if f.unique {
				into.Field(f.index).SetString(string(value))
			} else {
				into.Field(f.index).SetString(text(value))
			}
			return true
		}
	}
	return false
}

// plainString parses a JSON string of printable ASCII without an escape.
func plainString(data []byte) (value, rest []byte, ok bool) {
	if len(data) == 0 || data[0] != '"' {
		return nil, nil, false
	}
	for i := 1; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			return data[1:i], data[i+1:], true
		case c == '\\' || c < ' ' || c > '~':
			return nil, nil, false
		}
	}
	return nil, nil, false
}
