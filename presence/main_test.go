package presence_test

import (
	"testing"

	"github.com/studycall/studycall/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }
