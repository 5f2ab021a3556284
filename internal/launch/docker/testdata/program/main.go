// Program is what the tests run in containers: the only file of an image made from nothing.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	switch os.Args[1] {
	case "serve": // answers with its argument until SIGTERM
		term := make(chan os.Signal, 1)
		signal.Notify(term, syscall.SIGTERM)
		go func() {
			fmt.Println(http.ListenAndServe(":"+os.Args[2], http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, os.Args[3], " ", os.Getenv("GREETING"))
			})))
			os.Exit(1)
		}()
		fmt.Println("ready")
		<-term
		fmt.Println("bye")
	case "stubborn": // ignores SIGTERM
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case "exit":
		code, _ := strconv.Atoi(os.Args[2])
		os.Exit(code)
	case "lines": // writes so many lines to each stream in turn
		n, _ := strconv.Atoi(os.Args[2])
		for i := range n {
			fmt.Fprintln([]*os.File{os.Stdout, os.Stderr}[i%2], "line", i)
		}
	case "eat": // takes memory until it is ended
		var all [][]byte
		for {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = 1
			}
			all = append(all, b)
		}
	case "fetch": // asks another container of the task
		a, err := http.Get(os.Args[2])
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(a.Status)
		_ = a.Body.Close()
	case "write":
		if err := os.WriteFile(os.Args[2], []byte(os.Args[3]), 0o600); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	case "read":
		b, err := os.ReadFile(os.Args[2])
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(string(b))
	}
}
