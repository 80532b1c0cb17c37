// Command load runs workflows with one activity each against a server, and says how many it got done per second.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"temporal-sim/interop"
)

func main() {
	address := flag.String("address", "127.0.0.1:7233", "where the server listens")
	workflows := flag.Int("workflows", 2000, "how many to run")
	concurrency := flag.Int("concurrency", 64, "how many to run at once")
	flag.Parse()

	c, err := client.Dial(client.Options{HostPort: *address, Logger: silent{}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	w := worker.New(c, "load", worker.Options{
		MaxConcurrentWorkflowTaskPollers: 8, MaxConcurrentActivityTaskPollers: 8,
	})
	w.RegisterWorkflow(interop.GreetingWorkflow)
	w.RegisterActivity(interop.Greet)
	if err := w.Start(); err != nil {
		log.Fatal(err)
	}
	defer w.Stop()

	run := func(prefix string, count int) time.Duration {
		var wait sync.WaitGroup
		numbers := make(chan int)
		begin := time.Now()
		for range *concurrency {
			wait.Go(func() {
				for number := range numbers {
					options := client.StartWorkflowOptions{ID: fmt.Sprintf("%s-%d", prefix, number), TaskQueue: "load"}
					run, err := c.ExecuteWorkflow(context.Background(), options, interop.GreetingWorkflow, "World")
					if err == nil {
						err = run.Get(context.Background(), nil)
					}
					if err != nil {
						log.Fatal(err)
					}
				}
			})
		}
		for number := range count {
			numbers <- number
		}
		close(numbers)
		wait.Wait()
		return time.Since(begin)
	}
	run("warm-up", *workflows/10)
	elapsed := run("load", *workflows)
	fmt.Printf("%.0f\n", float64(*workflows)/elapsed.Seconds())
}

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
