package ui

import (
	"context"
	"io"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// LiveOptions make a live view.
type LiveOptions struct {
	Out    io.Writer     // a terminal
	Env    []string      // KEY=VALUE
	Frame  func() Frame  // what to show now; called from the view's goroutine, often
	Every  time.Duration // between two drawings; 0 is a tenth of a second
	Colour bool
}

// View is a live view on a terminal: a frame that is drawn anew in its place, and above it the
// lines that were printed, which stay. It takes no keys, so an interrupt reaches the process.
type View struct {
	program *tea.Program
	ended   chan struct{}
	once    sync.Once
}

// Live starts a view. It outlives ctx, whose values it takes, so that an interrupt can still be
// told of; Stop ends it and waits for its goroutine.
func Live(ctx context.Context, o LiveOptions) *View {
	if o.Every == 0 {
		o.Every = 100 * time.Millisecond
	}
	m := &model{o: o}
	set := []tea.ProgramOption{tea.WithContext(context.WithoutCancel(ctx)), tea.WithOutput(o.Out), tea.WithInput(nil),
		tea.WithEnvironment(o.Env), tea.WithoutSignalHandler()}
	if !IsTerminal(o.Out) { // nobody tells the size of what is none
		set = append(set, tea.WithWindowSize(defaultWidth, defaultHeight))
	}
	v := &View{program: tea.NewProgram(m, set...), ended: make(chan struct{})}
	go func() {
		defer close(v.ended)
		_, _ = v.program.Run() // what a terminal cannot show must not end a deployment
	}()
	return v
}

// Print puts a line above the frame, for good. It is safe from any goroutine.
func (v *View) Print(line string) { v.program.Send(printed(line)) }

// Stop draws the last frame, leaves it standing and waits until the terminal is given back.
// Calling it again does nothing.
func (v *View) Stop() {
	v.once.Do(func() { v.program.Send(leave{}) })
	<-v.ended
}

type (
	printed string
	shown   struct{} // the line that was being printed stands
	leave   struct{}
	beat    struct{}
)

// model prints one batch of lines at a time: bubbletea runs commands side by side, so two lines
// under way at once could change places, and one under way when the view leaves would be lost.
type model struct {
	o             LiveOptions
	width, height int
	lines         []string // to be printed once what is under way stands
	printing      bool
	leaving       bool // quit once every line stands
}

func (m *model) Init() tea.Cmd { return m.beat() }

func (m *model) beat() tea.Cmd {
	return tea.Tick(m.o.Every, func(time.Time) tea.Msg { return beat{} })
}

// Update takes sizes, lines and beats; the frame itself is asked for when drawing.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case printed:
		m.lines = append(m.lines, string(msg))
		return m, m.next()
	case shown:
		m.printing = false
		return m, m.next()
	case leave:
		m.leaving = true
		return m, m.next()
	case beat:
		return m, m.beat()
	}
	return m, nil
}

// next prints the lines that wait, or quits when it is time to leave and none does.
func (m *model) next() tea.Cmd {
	switch {
	case m.printing:
		return nil
	case len(m.lines) > 0:
		lines := strings.Join(m.lines, "\n")
		m.lines, m.printing = nil, true
		return tea.Sequence(tea.Println(lines), func() tea.Msg { return shown{} })
	case m.leaving:
		return tea.Quit
	}
	return nil
}

// View draws.
func (m *model) View() tea.View {
	return tea.NewView(Draw(m.o.Frame(), m.width, m.height, m.o.Colour) + "\n")
}
