package main_test

import (
	"testing"

	"rehome/pkg/sandbox"
)

func TestMain(m *testing.M) { sandbox.Main(m) }
